use std::collections::BTreeSet;

use proptest::prelude::*;
use vipcast_ipam::Owner;
use vipcast_plan::intent::Assignment;

use super::*;
use crate::{FileContent, Options, translate};

/// Objects of a small world: a pool, and services that may ask for an address.
fn world(range: &str, services: &[(&str, Option<&str>)]) -> Translation {
    let mut text = format!(
        "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {{name: lan}}\n\
         spec: {{addresses: [{range}]}}\n"
    );
    for (name, ip) in services {
        let ip = ip.map_or_else(String::new, |ip| format!(", loadBalancerIP: {ip}"));
        text += &format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n\
             spec: {{type: LoadBalancer{ip}}}\n"
        );
    }
    translation(&text)
}

fn translation(text: &str) -> Translation {
    let content = FileContent::read("world.yaml", text);
    assert_eq!(content.diagnostics, []);
    let translation = translate(&content.manifests, &Options::default());
    assert_eq!(translation.diagnostics, []);
    translation
}

type Written = BTreeMap<Owner, Assignment>;

fn addresses(assigned: &Written) -> Vec<(String, String)> {
    let text = |assignment: &Assignment| {
        let addresses = assignment.addresses.iter().map(|(address, _)| address.to_string());
        addresses.collect::<Vec<_>>().join(",")
    };
    assigned.iter().map(|(owner, a)| (owner.name().to_owned(), text(a))).collect()
}

fn expect(assigned: &Written, wanted: &[(&str, &str)]) {
    let wanted: Vec<_> = wanted.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    assert_eq!(addresses(assigned), wanted);
}

fn names(outcomes: &[Outcome]) -> Vec<(&str, &'static str)> {
    outcomes.iter().map(|outcome| (outcome.service().name(), outcome.name())).collect()
}

#[test]
fn the_quick_start_gets_its_addresses() {
    let mut text = String::new();
    for file in ["metallb.yaml", "services.yaml"] {
        let path = format!("{}/../examples/quickstart/{file}", env!("CARGO_MANIFEST_DIR"));
        text += &std::fs::read_to_string(path).unwrap();
        text += "---\n";
    }
    let mut world = translation(&text);
    let (assigned, outcomes) = assign(&mut world, &Written::new());
    expect(&assigned, &[("nginx", "172.18.0.10"), ("nginx-fixed", "172.18.0.20")]);
    assert!(outcomes.iter().all(|outcome| outcome.name() == "assigned"));
    let owner = Owner::new("default", "nginx");
    assert_eq!(
        world.intent.services[&owner].assignment.as_ref().unwrap().addresses,
        [("172.18.0.10".parse().unwrap(), "first-pool".to_owned())]
    );
}

#[test]
fn a_service_keeps_its_address_when_a_lower_one_comes_free() {
    let (assigned, _) =
        assign(&mut world("10.0.0.0/29", &[("a", None), ("b", None)]), &Written::new());
    expect(&assigned, &[("a", "10.0.0.0"), ("b", "10.0.0.1")]);
    let (assigned, outcomes) = assign(&mut world("10.0.0.0/29", &[("b", None)]), &assigned);
    expect(&assigned, &[("b", "10.0.0.1")]);
    assert_eq!(names(&outcomes), [("b", "kept"), ("a", "cleared")]);
    // The one that comes next gets what came free.
    let (assigned, outcomes) =
        assign(&mut world("10.0.0.0/29", &[("b", None), ("c", None)]), &assigned);
    expect(&assigned, &[("b", "10.0.0.1"), ("c", "10.0.0.0")]);
    assert_eq!(names(&outcomes), [("b", "kept"), ("c", "assigned")]);
}

#[test]
fn the_older_service_is_served_first_whatever_it_asks_for() {
    let service = |name: &str, created: &str, ip: &str| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, \
             creationTimestamp: {created}}}\nspec: {{type: LoadBalancer{ip}}}\n"
        )
    };
    let text = "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: lan}\n\
                spec: {addresses: [10.0.0.0/29]}\n"
        .to_owned()
        + &service("a", "'2024-05-02T00:00:00Z'", "")
        + &service("b", "'2024-05-01T00:00:00Z'", "")
        + &service("c", "null", ", loadBalancerIP: 10.0.0.0");
    let (assigned, outcomes) = assign(&mut translation(&text), &Written::new());
    expect(&assigned, &[("a", "10.0.0.1"), ("b", "10.0.0.0")]);
    assert_eq!(names(&outcomes), [("b", "assigned"), ("a", "assigned"), ("c", "refused")]);
}

#[test]
fn what_the_status_says_is_restored_and_what_was_written_goes_first() {
    let status = |name: &str, entries: &str| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n\
             spec: {{type: LoadBalancer}}\nstatus: {{loadBalancer: {{ingress: [{entries}]}}}}\n"
        )
    };
    let text = "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: lan}\n\
                spec: {addresses: [10.0.0.0/28]}\n"
        .to_owned()
        + &status("a", "{hostname: example.org}, {ip: 10.0.0.5}")
        + &status("b", "{ip: 192.0.2.1}")
        + &status("c", "{ip: 10.0.0.7}");
    let written = [(
        Owner::new("default", "c"),
        Assignment { addresses: vec![("10.0.0.3".parse().unwrap(), "lan".into())] },
    )];
    let (assigned, _) = assign(&mut translation(&text), &written.into());
    expect(&assigned, &[("a", "10.0.0.5"), ("b", "10.0.0.0"), ("c", "10.0.0.3")]);
}

#[test]
fn a_pool_that_shrinks_moves_only_whom_it_has_to() {
    let services = [("a", None), ("b", None), ("c", None)];
    let (assigned, _) = assign(&mut world("10.0.0.1-10.0.0.3", &services), &Written::new());
    let (after, outcomes) = assign(&mut world("10.0.0.2-10.0.0.4", &services), &assigned);
    expect(&after, &[("a", "10.0.0.4"), ("b", "10.0.0.2"), ("c", "10.0.0.3")]);
    assert_eq!(names(&outcomes), [("a", "changed"), ("b", "kept"), ("c", "kept")]);
    assert_eq!(
        outcomes[0].to_string(),
        "default/a has 10.0.0.4 (pool lan) in place of 10.0.0.1 (pool lan): 10.0.0.1: it is in no pool"
    );
    let (after, outcomes) = assign(&mut world("10.0.0.3-10.0.0.3", &services), &after);
    expect(&after, &[("c", "10.0.0.3")]);
    let all =
        [("a", "refused"), ("a", "cleared"), ("b", "refused"), ("b", "cleared"), ("c", "kept")];
    assert_eq!(names(&outcomes), all);
}

#[test]
fn two_that_want_one_address_get_it_once() {
    let mut world =
        world("10.0.0.0/28", &[("a", Some("10.0.0.5")), ("b", Some("10.0.0.5")), ("c", None)]);
    let (assigned, outcomes) = assign(&mut world, &Written::new());
    expect(&assigned, &[("a", "10.0.0.5"), ("c", "10.0.0.0")]);
    let refused = outcomes.iter().find(|outcome| outcome.name() == "refused").unwrap();
    assert_eq!(
        refused.to_string(),
        "default/b gets no address: 10.0.0.5 is held by default/a, and cannot be shared: \
         the request has no sharing key"
    );
}

fn open(dir: &std::path::Path, node: &str) -> Assigner {
    Assigner::new(StateFolder::open(dir, node).unwrap(), LostState::Wait)
}

#[test]
fn after_a_restart_everybody_has_what_they_had() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = open(dir.path(), "node-1");
    let both = [("a", None), ("b", None)];
    let turn = first.turn(&mut world("10.0.0.0/29", &both), true).unwrap();
    assert_eq!(names(&turn.outcomes), [("a", "assigned"), ("b", "assigned")]);
    let turn = first.turn(&mut world("10.0.0.0/29", &both), true).unwrap();
    assert_eq!(names(&turn.outcomes), [], "nothing is told twice");
    first.turn(&mut world("10.0.0.0/29", &[("b", None)]), true).unwrap();
    drop(first);

    let mut second = open(dir.path(), "node-1");
    let mut after = world("10.0.0.0/29", &[("b", None)]);
    let turn = second.turn(&mut after, true).unwrap();
    assert_eq!(names(&turn.outcomes), [("b", "kept")]);
    expect(&second.assignments().services, &[("b", "10.0.0.1")]);
    assert_eq!(second.assignments().revision, 2, "what did not change is not written");
}

#[test]
fn one_of_two_nodes_assigns_and_the_other_follows() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, mut second) = (open(dir.path(), "node-1"), open(dir.path(), "node-2"));
    assert!(first.turn(&mut world("10.0.0.0/29", &[("a", None)]), true).unwrap().assigning);

    // The other one is not asked to assign, or is asked and does not get the lock.
    for may_assign in [false, true] {
        let mut seen = world("10.0.0.0/29", &[("a", None), ("b", None)]);
        let turn = second.turn(&mut seen, may_assign).unwrap();
        assert!(!turn.assigning && turn.outcomes.is_empty());
        let assignment = |name| &seen.intent.services[&Owner::new("default", name)].assignment;
        assert_eq!(assignment("a").as_ref().unwrap().addresses[0].0.to_string(), "10.0.0.0");
        assert_eq!(*assignment("b"), None, "nothing new without the lock");
    }

    // The first one is not the first living one any more, and lets go.
    let turn = first.turn(&mut world("10.0.0.0/29", &[("a", None)]), false).unwrap();
    assert!(!turn.assigning);
    let turn = second.turn(&mut world("10.0.0.0/29", &[("a", None), ("b", None)]), true).unwrap();
    assert!(turn.assigning);
    assert_eq!(names(&turn.outcomes), [("a", "kept"), ("b", "assigned")]);
}

/// A state folder that was written by one node, and then damaged.
fn damaged(dir: &std::path::Path) -> PathBuf {
    let all = [("a", None), ("b", None), ("c", None)];
    open(dir, "node-1").turn(&mut world("10.0.0.0/29", &all), true).unwrap();
    let file = dir.join("assignments.json");
    let text = std::fs::read_to_string(&file).unwrap();
    // What follows the first service is gone.
    std::fs::write(&file, &text[..text.find("default/b").unwrap()]).unwrap();
    file
}

fn address_of(seen: &Translation, name: &str) -> Option<String> {
    let service = &seen.intent.services[&Owner::new("default", name)];
    service.assignment.as_ref().map(|assignment| assignment.addresses[0].0.to_string())
}

#[test]
fn after_a_loss_what_can_be_read_stays_and_the_rest_is_probed_first() {
    let dir = tempfile::tempdir().unwrap();
    let file = damaged(dir.path());
    let damage = std::fs::read_to_string(&file).unwrap();
    let mut assigner = open(dir.path(), "node-1");
    let mut seen = world("10.0.0.0/29", &[("a", None), ("b", None), ("c", None)]);
    let turn = assigner.turn(&mut seen, true).unwrap();
    assert_eq!(std::fs::read_to_string(turn.set_aside.unwrap()).unwrap(), damage);
    assert_eq!(names(&turn.outcomes), [("a", "kept"), ("b", "probing"), ("c", "probing")]);
    assert_eq!(address_of(&seen, "a").as_deref(), Some("10.0.0.0"));
    assert_eq!((address_of(&seen, "b"), address_of(&seen, "c")), (None, None));
    let probe: Vec<_> = turn.probe.iter().map(IpAddr::to_string).collect();
    assert_eq!(probe, ["10.0.0.1", "10.0.0.2"]);

    // A restart in the middle forgets what was probed, but not that there is something to probe.
    drop(assigner);
    let mut assigner = open(dir.path(), "node-1");
    let turn = assigner.turn(&mut seen, true).unwrap();
    assert_eq!(turn.probe.len(), 2);
    assert!(turn.set_aside.is_none());

    // Somebody answers for the first one: it is left alone.
    assigner.probed(turn.probe[0], true);
    assigner.probed(turn.probe[1], false);
    let turn = assigner.turn(&mut seen, true).unwrap();
    assert_eq!(names(&turn.outcomes), [("b", "assigned"), ("c", "probing")]);
    assert_eq!(turn.probe, ["10.0.0.3".parse::<IpAddr>().unwrap()]);
    assigner.probed(turn.probe[0], false);
    let turn = assigner.turn(&mut seen, true).unwrap();
    assert_eq!(names(&turn.outcomes), [("c", "assigned")]);
    expect(
        &assigner.assignments().services,
        &[("a", "10.0.0.0"), ("b", "10.0.0.2"), ("c", "10.0.0.3")],
    );
    assert!(!assigner.assignments().probing, "everybody is served: the loss is over");
}

#[test]
fn after_a_loss_a_node_that_remembers_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let all = [("a", None), ("b", None), ("c", None)];
    let mut first = open(dir.path(), "node-1");
    let mut second = open(dir.path(), "node-2");
    first.turn(&mut world("10.0.0.0/29", &all), true).unwrap();
    // Somebody deletes `a`, so that the rest does not hold the lowest addresses.
    first.turn(&mut world("10.0.0.0/29", &all[1..]), true).unwrap();
    second.turn(&mut world("10.0.0.0/29", &all[1..]), false).unwrap();
    drop(first);
    std::fs::write(dir.path().join("assignments.json"), "").unwrap();

    let mut seen = world("10.0.0.0/29", &all[1..]);
    let refused = second.turn(&mut seen, false);
    assert!(matches!(refused, Err(StateError::Corrupt { .. })), "not this node's to mend");
    assert_eq!(address_of(&seen, "b").as_deref(), Some("10.0.0.1"), "what is known stays");
    let turn = second.turn(&mut seen, true).unwrap();
    assert!(turn.set_aside.is_some() && turn.probe.is_empty());
    expect(&second.assignments().services, &[("b", "10.0.0.1"), ("c", "10.0.0.2")]);
}

#[test]
fn who_vouches_for_the_loss_needs_no_probes() {
    let dir = tempfile::tempdir().unwrap();
    damaged(dir.path());
    let folder = StateFolder::open(dir.path(), "node-1").unwrap();
    let mut assigner = Assigner::new(folder, LostState::Accept);
    let all = [("a", None), ("b", None), ("c", None)];
    let turn = assigner.turn(&mut world("10.0.0.0/29", &all), true).unwrap();
    assert!(turn.set_aside.is_some() && turn.probe.is_empty());
    assert_eq!(assigner.assignments().services.len(), 3);
}

#[test]
fn what_cannot_be_written_is_not_announced() {
    let dir = tempfile::tempdir().unwrap();
    let mut assigner = open(dir.path(), "node-1");
    assigner.turn(&mut world("10.0.0.0/29", &[("a", None)]), true).unwrap();
    // A folder in the place of the temporary file stands for a full disk.
    std::fs::create_dir(dir.path().join(".assignments.json.tmp")).unwrap();
    let mut seen = world("10.0.0.0/29", &[("a", None), ("b", None)]);
    let refused = assigner.turn(&mut seen, true);
    assert!(matches!(refused, Err(StateError::Io { what: "write", .. })), "{refused:?}");
    let services = &seen.intent.services;
    assert!(services[&Owner::new("default", "a")].assignment.is_some());
    assert_eq!(services[&Owner::new("default", "b")].assignment, None);
}

proptest! {
    #[test]
    fn no_address_moves_that_is_still_valid(
        steps in proptest::collection::vec((0u8..32, 1u8..6), 1..12)
    ) {
        let mut written = Written::new();
        for (present, size) in steps {
            let all = ["a", "b", "c", "d", "e"];
            let services: Vec<_> = (0u8..)
                .zip(all)
                .filter(|(bit, _)| present & (1 << bit) != 0)
                .map(|(_, name)| (name, None))
                .collect();
            let range = format!("10.0.0.1-10.0.0.{size}");
            let (now, _) = assign(&mut world(&range, &services), &written);
            let (again, outcomes) = assign(&mut world(&range, &services), &now);
            prop_assert_eq!(&again, &now, "a second turn changes nothing");
            prop_assert!(outcomes.iter().all(|o| matches!(o.name(), "kept" | "refused")));
            let mut seen = BTreeSet::new();
            for (owner, assignment) in &now {
                let address = assignment.addresses[0].0;
                prop_assert!(seen.insert(address), "{} twice", address);
                let before = written.get(owner).map(|before| before.addresses[0].0);
                let last: IpAddr = format!("10.0.0.{size}").parse().unwrap();
                if let Some(before) = before.filter(|before| *before <= last) {
                    prop_assert_eq!(address, before);
                }
            }
            prop_assert_eq!(now.len(), services.len().min(usize::from(size)));
            written = now;
        }
    }
}
