use std::sync::{Arc, Mutex};

use k8s_openapi::api::coordination::v1::LeaseSpec;
use kube::client::Body;

use super::*;

/// A keeper that talks to nobody, and what it told.
fn keeper() -> (Keeper, Arc<Mutex<Vec<GroupInput>>>) {
    let nobody = tower::service_fn(async |_: hyper::Request<Body>| {
        Err::<hyper::Response<Body>, _>(std::io::Error::other("nobody is there"))
    });
    let told = Arc::new(Mutex::new(Vec::new()));
    let teller = Arc::clone(&told);
    let keeper = Keeper {
        client: Client::new(nobody, "ns"),
        namespace: "ns".to_owned(),
        count: GroupCount::default(),
        tell: Box::new(move |input| teller.lock().unwrap().push(input)),
        known: BTreeMap::new(),
        listed: Version::default(),
        trouble: None,
    };
    (keeper, told)
}

const GROUP: Group = Group { of: 16, number: 7 };

fn lease(holder: &str, version: &str) -> Lease {
    let mut lease = labelled(GROUP);
    lease.metadata.name = Some(names::name(GROUP));
    lease.metadata.resource_version = Some(version.to_owned());
    let holder_identity = Some(holder.to_owned());
    lease.spec = Some(LeaseSpec { holder_identity, ..LeaseSpec::default() });
    lease
}

/// The versions that were told of the record, `-` where it was gone.
fn versions(told: &Mutex<Vec<GroupInput>>) -> Vec<String> {
    let version = |record: Option<&(_, vipcast_election::lease::RecordVersion)>| {
        record.map_or_else(|| "-".to_owned(), |(_, version)| version.as_str().to_owned())
    };
    let told = std::mem::take(&mut *told.lock().unwrap());
    let each = told.iter().filter_map(|input| match input {
        GroupInput::Listed { records, .. } => Some(version(records.get(&GROUP))),
        GroupInput::Record(_, record) => Some(version(record.as_ref())),
        _ => None,
    });
    each.collect()
}

fn listed(leases: Vec<Lease>, version: &str) -> Seen {
    Seen::Listed { number: None, leases, version: Version::new(version) }
}

fn changed(lease: Lease) -> Seen {
    Seen::Changed(Box::new(lease))
}

#[tokio::test]
async fn what_is_older_than_what_is_known_is_not_told() {
    let (mut keeper, told) = keeper();
    keeper.see(listed(vec![lease("a", "5")], "8"));
    keeper.see(changed(lease("a", "9")));
    keeper.see(changed(lease("a", "7")));
    assert_eq!(versions(&told), ["5", "9"]);
    // The answer to a write is here before the watch tells of what was before.
    let written = LeaseInput::Failed { number: 1 };
    keeper.written(Written::Group(GROUP, written, Box::new(lease("a", "99")), None));
    let written = LeaseInput::Written {
        number: 2,
        version: vipcast_election::lease::RecordVersion::new("12"),
    };
    keeper.written(Written::Group(GROUP, written, Box::new(lease("a", "12")), None));
    keeper.see(changed(lease("b", "11")));
    keeper.see(changed(lease("a", "12")));
    keeper.see(Seen::Gone(Box::new(lease("b", "11"))));
    keeper.see(Seen::Gone(Box::new(lease("a", "15"))));
    assert_eq!(versions(&told), ["12", "-"]);
}

#[tokio::test]
async fn a_list_does_not_take_away_what_was_written_after_it() {
    let (mut keeper, told) = keeper();
    keeper.see(listed(vec![], "8"));
    keeper.see(changed(lease("a", "12")));
    keeper.see(listed(vec![], "10"));
    keeper.see(listed(vec![], "13"));
    assert_eq!(versions(&told), ["-", "12", "12", "-"]);
}

#[tokio::test]
async fn a_server_that_was_restored_from_a_backup_is_believed() {
    let (mut keeper, told) = keeper();
    keeper.see(listed(vec![lease("a", "500")], "510"));
    keeper.see(listed(vec![lease("b", "90")], "100"));
    assert_eq!(versions(&told), ["500", "90"]);
}

#[tokio::test]
async fn the_charter_says_the_count() {
    let (mut keeper, told) = keeper();
    keeper.see(listed(vec![charter("ns", 32), lease("a", "5")], "8"));
    let told = std::mem::take(&mut *told.lock().unwrap());
    assert!(matches!(told.as_slice(), [GroupInput::Listed { charter: Some(32), .. }]), "{told:?}");
}
