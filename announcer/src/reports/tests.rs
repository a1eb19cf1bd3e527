use vipcast_arp_ndp::MacAddr;
use vipcast_ipam::Owner;
use vipcast_plan::{NodeName, Reason, Segment};

use super::*;

fn unit() -> Unit {
    Unit { address: "172.18.0.10".parse().unwrap(), segment: Segment::new("172.18.0.0/24") }
}

fn announcing() -> Report {
    let links = [LinkName::new("eth0")].into();
    let services = [Owner::new("default", "web")].into();
    Report { announcing: [(unit(), Announcement { links, services })].into(), ..Report::default() }
}

fn withheld(reason: Reason) -> Withheld {
    let address = Some(unit().address);
    Withheld { service: Owner::new("default", "web"), address, segment: None, reason }
}

fn link(segment: &str, up: bool) -> LinkState {
    LinkState {
        index: 2,
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        segment: Segment::new(segment),
        networks: vec![],
        up,
        forwarding: false,
        carrier_changes: 0,
    }
}

#[test]
fn equal_reports_have_no_events_between_them() {
    assert!(announcing().events_since(&announcing()).is_empty());
}

#[test]
fn a_takeover_reads_as_silence_on_one_side_and_an_announcement_on_the_other() {
    let after = announcing();
    let events = after.events_since(&Report::default());
    assert_eq!(events[0].to_string(), "announcing 172.18.0.10 on eth0 for default/web");
    let held = withheld(Reason::HeldBy { node: NodeName::new("b") });
    let lost = Report { withheld: [held.clone()].into(), ..Report::default() };
    let events = lost.events_since(&after);
    assert_eq!(events, [Event::Silent { unit: unit() }, Event::Withheld(held)]);
    assert_eq!(
        events[1].to_string(),
        "not announcing 172.18.0.10 for default/web: node b holds the address"
    );
}

#[test]
fn a_reason_is_told_once_and_again_when_it_changes() {
    let report = |reason| Report { withheld: [withheld(reason)].into(), ..Report::default() };
    let (first, second) = (report(Reason::NoHolder), report(Reason::NoEndpoint));
    assert_eq!(first.events_since(&Report::default()).len(), 1);
    assert!(first.events_since(&first).is_empty());
    assert_eq!(second.events_since(&first), [Event::Withheld(withheld(Reason::NoEndpoint))]);
}

#[test]
fn links_are_told_when_they_come_go_or_move_to_another_segment() {
    let eth0 = || LinkName::new("eth0");
    let report = |link| Report { links: [(eth0(), link)].into(), ..Report::default() };
    let (up, moved, down) =
        (report(link("a", true)), report(link("b", true)), report(link("b", false)));
    let segment = Segment::new("a");
    assert_eq!(up.events_since(&Report::default()), [Event::LinkUp { link: eth0(), segment }]);
    let segment = Segment::new("b");
    assert_eq!(moved.events_since(&up), [Event::LinkUp { link: eth0(), segment }]);
    assert_eq!(down.events_since(&moved), [Event::LinkDown { link: eth0() }]);
    assert!(Report::default().events_since(&down).is_empty());
}

#[test]
fn delivery_is_told_by_address_and_with_its_reason() {
    let address: IpAddr = unit().address;
    let report = |d| Report { delivery: [(address, d)].into(), ..Report::default() };
    let (ready, failed) = (report(Delivery::Ready), report(Delivery::Failed("taken".into())));
    assert_eq!(ready.events_since(&Report::default()), [Event::Delivered { address }]);
    let why = "taken".to_owned();
    let failure = Event::DeliveryFailed { address: Some(address), why };
    assert_eq!(failed.events_since(&ready), [Event::Undelivered { address }, failure]);
    assert_eq!(Report::default().events_since(&ready), [Event::Undelivered { address }]);
}

#[test]
fn a_gap_and_a_conflict_are_told() {
    let other = MacAddr([2, 0, 0, 0, 0, 9]);
    let conflicts = [((unit().address, LinkName::new("eth0")), ConflictSeen { other })].into();
    let after = Report { gaps: 1, conflicts, ..Report::default() };
    let names: Vec<_> = after.events_since(&Report::default()).iter().map(Event::name).collect();
    assert_eq!(names, ["gap", "conflict"]);
}
