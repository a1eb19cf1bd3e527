//! Every gate, by name: what is announced, and the reason for everything that is not.

use std::collections::{BTreeMap, BTreeSet};

use vipcast_ipam::{
    Families, Family, LabelSelector, Labels, Owner, Pool, Pools, Request, Requirement,
};
use vipcast_plan::{
    Delivery, Holder, Intent, Link, LinkName, LinkRefusal, NodeName, Observed, Reason, Segment,
    Unit, UnusableLink, candidates,
    intent::{
        Assignment, Endpoint, Endpoints, L2Advertisement, Node, PoolSelection, Preference, Service,
        TrafficPolicy,
    },
    plan,
};

const VIP: &str = "172.18.0.10";

fn node(name: &str) -> NodeName {
    NodeName::new(name)
}

fn web() -> Owner {
    Owner::new("default", "web")
}

fn service(owner: Owner, addresses: &[&str]) -> Service {
    let addresses = addresses.iter().map(|a| (a.parse().unwrap(), "pool".into())).collect();
    Service {
        request: Request::new(owner, Families::Single(Family::V4)),
        traffic_policy: TrafficPolicy::Cluster,
        endpoints: Endpoints::Unknown,
        assignment: Some(Assignment { addresses }),
    }
}

/// One pool, one advertisement for everything, one service with [`VIP`].
fn intent() -> Intent {
    let range = "172.18.0.10-172.18.0.30".parse().unwrap();
    let labels: Labels = [("zone".to_owned(), "a".to_owned())].into();
    let pool = Pool::builder("pool").range(range).labels(labels).build().unwrap();
    Intent {
        pools: Pools::new(vec![pool]).unwrap(),
        l2_advertisements: vec![L2Advertisement { name: "l2".into(), ..Default::default() }],
        services: [(web(), service(web(), &[VIP]))].into(),
        ..Intent::default()
    }
}

fn link(network: &str) -> Link {
    let networks = vec![network.parse().unwrap()];
    Link { segment: Segment::of_networks(&networks).unwrap(), networks, up: true, broken: None }
}

/// Three nodes on one LAN.
fn observed() -> Observed {
    Observed {
        links: [(LinkName::new("eth0"), link("172.18.0.2/24"))].into(),
        members: ["a", "b", "c"].map(node).into(),
        ..Observed::default()
    }
}

fn unit() -> Unit {
    Unit { address: VIP.parse().unwrap(), segment: Segment::new("172.18.0.0/24") }
}

fn held_by(name: &str) -> BTreeMap<Unit, Holder> {
    [(unit(), Holder { node: node(name), epoch: Some(1) })].into()
}

/// The one reason why node a announces nothing.
fn reason(intent: &Intent, observed: &Observed) -> Reason {
    let plan = plan(intent, observed, &node("a"), &held_by("a"));
    assert!(plan.table.is_empty() && plan.held.is_empty(), "{plan:?}");
    let [withheld] = plan.withheld.as_slice() else { panic!("{:?}", plan.withheld) };
    assert_eq!(withheld.service, web());
    withheld.reason.clone()
}

fn select(key: &str, value: &str) -> LabelSelector {
    LabelSelector { requirements: vec![Requirement::In(key.into(), vec![value.into()])] }
}

fn eligible(intent: &Intent, observed: &Observed) -> Vec<String> {
    let candidates = candidates(intent, observed);
    candidates
        .get(&unit())
        .map_or_else(Vec::new, |eligible| eligible.nodes.keys().map(ToString::to_string).collect())
}

#[test]
fn the_holder_announces_on_the_link_whose_network_holds_the_address() {
    let plan = plan(&intent(), &observed(), &node("a"), &held_by("a"));
    assert_eq!(plan.held, [unit()].into());
    assert_eq!(plan.table[&unit()].links, [LinkName::new("eth0")].into());
    assert_eq!(plan.table[&unit()].services, [web()].into());
    assert!(plan.withheld.is_empty());
}

#[test]
fn all_members_may_hold_it_when_nothing_forbids() {
    assert_eq!(eligible(&intent(), &observed()), ["a", "b", "c"]);
}

#[test]
fn another_nodes_claim_is_a_reason_and_leaves_the_table_ready() {
    let plan = plan(&intent(), &observed(), &node("a"), &held_by("b"));
    assert!(plan.held.is_empty());
    assert!(plan.table.contains_key(&unit()), "a takeover needs no new plan");
    assert_eq!(plan.withheld[0].reason, Reason::HeldBy { node: node("b") });
}

#[test]
fn an_address_without_a_holder_says_so() {
    let plan = plan(&intent(), &observed(), &node("a"), &BTreeMap::new());
    assert_eq!(plan.withheld[0].reason, Reason::NoHolder);
}

#[test]
fn a_service_without_an_address_is_withheld() {
    let mut intent = intent();
    intent.services.get_mut(&web()).unwrap().assignment = None;
    assert_eq!(reason(&intent, &observed()), Reason::NoAddress);
}

#[test]
fn an_advertisement_must_cover_the_pool() {
    let mut intent = intent();
    let names: BTreeSet<String> = ["other".to_owned()].into();
    intent.l2_advertisements[0].pools = PoolSelection::Some { names, selectors: vec![] };
    assert_eq!(reason(&intent, &observed()), Reason::NoAdvertisement { pool: "pool".into() });
    assert!(candidates(&intent, &observed()).is_empty());

    let selectors = vec![select("zone", "a")];
    intent.l2_advertisements[0].pools = PoolSelection::Some { names: BTreeSet::new(), selectors };
    assert_eq!(eligible(&intent, &observed()), ["a", "b", "c"], "by label");
}

#[test]
fn an_advertisement_must_cover_the_service() {
    let mut intent = intent();
    intent.l2_advertisements[0].services = vec![select("app", "web")];
    assert_eq!(reason(&intent, &observed()), Reason::NoAdvertisement { pool: "pool".into() });
    let labels = &mut intent.services.get_mut(&web()).unwrap().request.labels;
    labels.insert("app".into(), "web".into());
    assert_eq!(eligible(&intent, &observed()), ["a", "b", "c"]);
}

#[test]
fn without_advertisements_nothing_is_announced() {
    let intent = Intent { l2_advertisements: vec![], ..intent() };
    assert_eq!(reason(&intent, &observed()), Reason::NoAdvertisement { pool: "pool".into() });
}

#[test]
fn a_shared_address_is_not_announced_where_an_advertisement_selects_services() {
    let mut intent = intent();
    intent.services.get_mut(&web()).unwrap().request.sharing_key = Some("key".into());
    assert_eq!(eligible(&intent, &observed()), ["a", "b", "c"], "nothing selects services");
    intent.l2_advertisements.push(L2Advertisement {
        name: "picky".into(),
        services: vec![select("app", "other")],
        ..Default::default()
    });
    let advertisement = "picky".into();
    let expected = Reason::SharedAddressWithServiceSelector { advertisement };
    assert_eq!(reason(&intent, &observed()), expected);
}

#[test]
fn known_endpoints_must_have_a_usable_one_and_unknown_ones_are_no_gate() {
    let mut intent = intent();
    let endpoint = |usable| Endpoint { node: None, usable };
    let set = |intent: &mut Intent, endpoints| {
        intent.services.get_mut(&web()).unwrap().endpoints = endpoints;
    };
    set(&mut intent, Endpoints::Known(vec![]));
    assert_eq!(reason(&intent, &observed()), Reason::NoEndpoint);
    set(&mut intent, Endpoints::Known(vec![endpoint(false)]));
    assert_eq!(reason(&intent, &observed()), Reason::NoEndpoint);
    set(&mut intent, Endpoints::Known(vec![endpoint(false), endpoint(true)]));
    assert_eq!(eligible(&intent, &observed()), ["a", "b", "c"]);
}

#[test]
fn the_policy_local_admits_nodes_with_a_usable_endpoint_of_their_own() {
    let mut intent = intent();
    let service = intent.services.get_mut(&web()).unwrap();
    service.traffic_policy = TrafficPolicy::Local;
    service.endpoints = Endpoints::Known(vec![
        Endpoint { node: Some(node("b")), usable: true },
        Endpoint { node: Some(node("c")), usable: false },
        Endpoint { node: None, usable: true },
    ]);
    assert_eq!(eligible(&intent, &observed()), ["b"]);
    assert_eq!(reason(&intent, &observed()), Reason::NoLocalEndpoint);
}

#[test]
fn a_node_may_be_excluded_unavailable_or_not_selected() {
    let describe = |node_a: Node| Intent { nodes: [(node("a"), node_a)].into(), ..intent() };
    let excluded = describe(Node { excluded: true, ..Node::default() });
    assert_eq!(reason(&excluded, &observed()), Reason::NodeExcluded);
    assert_eq!(eligible(&excluded, &observed()), ["b", "c"]);

    let unavailable = describe(Node { network_unavailable: true, ..Node::default() });
    assert_eq!(reason(&unavailable, &observed()), Reason::NodeNetworkUnavailable);

    let mut selected = intent();
    selected.l2_advertisements[0].nodes = vec![select("kubernetes.io/hostname", "b")];
    assert_eq!(reason(&selected, &observed()), Reason::NodeNotSelected);
    assert_eq!(eligible(&selected, &observed()), ["b"], "by the hostname label alone");
}

#[test]
fn preferences_add_up_over_advertisements() {
    let mut intent = intent();
    let preference =
        |weight, name| Preference { weight, selector: select("kubernetes.io/hostname", name) };
    intent.l2_advertisements[0].preferences = vec![preference(10, "b"), preference(5, "b")];
    intent.l2_advertisements.push(L2Advertisement {
        name: "more".into(),
        preferences: vec![preference(100, "b"), preference(1, "c")],
        ..Default::default()
    });
    let scores = candidates(&intent, &observed())[&unit()].nodes.clone();
    assert_eq!(scores, [(node("a"), 0), (node("b"), 115), (node("c"), 1)].into());
}

#[test]
fn without_a_link_in_its_network_an_address_is_not_announced_unless_a_link_is_named() {
    let elsewhere = [(LinkName::new("eth0"), link("10.0.0.2/24"))].into();
    let observed = Observed { links: elsewhere, ..observed() };
    let address = VIP.parse().unwrap();
    assert_eq!(reason(&intent(), &observed), Reason::NoLinkForAddress { address });

    let mut named = intent();
    named.l2_advertisements[0].links = [LinkName::new("eth0")].into();
    let plan = plan(&named, &observed, &node("a"), &BTreeMap::new());
    let unit = Unit { segment: Segment::new("10.0.0.0/24"), ..unit() };
    assert_eq!(plan.table[&unit].links, [LinkName::new("eth0")].into());
}

#[test]
fn a_named_link_must_exist() {
    let mut intent = intent();
    intent.l2_advertisements[0].links = [LinkName::new("bond7")].into();
    let named = vec![LinkName::new("bond7")];
    assert_eq!(reason(&intent, &observed()), Reason::LinkMissing { named });
}

#[test]
fn a_link_must_be_up() {
    let down = Link { up: false, ..link("172.18.0.2/24") };
    let observed = Observed { links: [(LinkName::new("eth0"), down)].into(), ..observed() };
    let links = vec![LinkName::new("eth0")];
    assert_eq!(reason(&intent(), &observed), Reason::LinkDown { links });
}

#[test]
fn a_link_on_which_the_node_cannot_speak_does_not_count() {
    let why = "not permitted".to_owned();
    let broken = Link { broken: Some(why.clone()), ..link("172.18.0.2/24") };
    let observed = Observed { links: [(LinkName::new("eth0"), broken)].into(), ..observed() };
    let link = LinkName::new("eth0");
    assert_eq!(reason(&intent(), &observed), Reason::LinkBroken { link, why });
}

#[test]
fn what_cannot_be_delivered_is_not_announced() {
    let failed = Delivery::Failed("no route".into());
    let delivery = [(VIP.parse().unwrap(), failed)].into();
    let observed = Observed { delivery, ..observed() };
    assert_eq!(reason(&intent(), &observed), Reason::DeliveryFailed { why: "no route".into() });

    let delivery = [(VIP.parse().unwrap(), Delivery::Ready)].into();
    let observed = Observed { delivery, ..observed };
    assert_eq!(plan(&intent(), &observed, &node("a"), &held_by("a")).held.len(), 1);
}

#[test]
fn addresses_that_one_service_ties_together_are_placed_as_one_group() {
    let mut intent = intent();
    let other = Owner::new("default", "other");
    let third = Owner::new("default", "third");
    intent.services = [
        (web(), service(web(), &["172.18.0.12", "fc00::1"])),
        (other.clone(), service(other, &["172.18.0.11", "fc00::1"])),
        (third.clone(), service(third, &["172.18.0.13"])),
    ]
    .into();
    let candidates = candidates(&intent, &observed());
    let group = |address: &str| {
        let unit = Unit { address: address.parse().unwrap(), ..unit() };
        candidates[&unit].group.unwrap().to_string()
    };
    assert_eq!(group("172.18.0.11"), "172.18.0.11");
    assert_eq!(group("172.18.0.12"), "172.18.0.11");
    assert_eq!(group("fc00::1"), "172.18.0.11");
    assert_eq!(group("172.18.0.13"), "172.18.0.13");
}

#[test]
fn a_node_holds_a_shared_address_only_if_it_may_announce_every_service_on_it() {
    let mut intent = intent();
    let local = Owner::new("default", "local");
    let mut second = service(local.clone(), &[VIP]);
    second.traffic_policy = TrafficPolicy::Local;
    second.endpoints = Endpoints::Known(vec![Endpoint { node: Some(node("c")), usable: true }]);
    intent.services.insert(local, second);
    assert_eq!(eligible(&intent, &observed()), ["c"]);
}

#[test]
fn a_segment_is_named_by_its_lowest_global_network() {
    let of = |networks: &[&str]| {
        let networks: Vec<_> = networks.iter().map(|n| n.parse().unwrap()).collect();
        Segment::of_networks(&networks).map(|segment| segment.to_string())
    };
    assert_eq!(of(&["fe80::1/64", "fc00::5/64", "172.18.0.2/24"]).unwrap(), "172.18.0.0/24");
    assert_eq!(of(&["fe80::1/64", "fc00::5/64"]).unwrap(), "fc00::/64");
    assert_eq!(of(&["1.2.3.4/32", "172.18.0.2/24"]).unwrap(), "172.18.0.0/24", "no host prefix");
    assert_eq!(of(&["fe80::1/64", "169.254.1.1/16"]), None);
}

#[test]
fn every_reason_is_a_sentence_with_a_name() {
    let reasons = [
        Reason::NoAddress,
        Reason::NoAdvertisement { pool: "pool".into() },
        Reason::LinkMissing { named: vec![LinkName::new("a"), LinkName::new("b")] },
        Reason::HeldBy { node: node("b") },
    ];
    let texts: Vec<_> = reasons.iter().map(|r| format!("{}: {r}", r.name())).collect();
    assert_eq!(texts[0], "noAddress: the service has no address yet");
    assert!(texts[1].contains("no L2Advertisement covers pool pool"));
    assert!(texts[2].ends_with("advertised on: a, b"));
    assert_eq!(texts[3], "notOwner: node b holds the address");
}

#[test]
fn a_link_that_is_not_used_is_named_with_the_reason() {
    let (bond, eth1) = (LinkName::new("bond0"), LinkName::new("eth1"));
    let refusals = [LinkRefusal::Excluded, LinkRefusal::Member { of: bond.clone() }];
    for (named, refusal) in [false, true].into_iter().zip(refusals) {
        let mut intent = intent();
        let networks = if named {
            intent.l2_advertisements[0].links = [eth1.clone()].into();
            vec![]
        } else {
            vec!["172.18.0.3/24".parse().unwrap()]
        };
        let mut observed = observed();
        observed.links = [(bond.clone(), link("10.0.0.1/24"))].into();
        observed.unusable =
            [(eth1.clone(), UnusableLink { networks, refusal: refusal.clone() })].into();
        let expected = Reason::LinkUnusable { link: eth1.clone(), refusal };
        assert_eq!(reason(&intent, &observed), expected, "named: {named}");
    }
}

#[test]
fn a_link_is_chosen_by_what_it_reaches() {
    let mut intent = intent();
    let destination = "192.0.2.1".parse().unwrap();
    intent.l2_advertisements[0].reaching = [destination].into();
    let mut observed = observed();
    assert_eq!(reason(&intent, &observed), Reason::NoLinkReaches { destination });
    // The network of the link does not matter then.
    let eth1 = LinkName::new("eth1");
    observed.links.insert(eth1.clone(), link("10.0.0.1/24"));
    observed.reach.insert(destination, eth1.clone());
    let plan = plan(&intent, &observed, &node("a"), &BTreeMap::new());
    let links: BTreeSet<_> = plan.table.values().flat_map(|entry| entry.links.clone()).collect();
    assert_eq!(links, [eth1].into());
}
