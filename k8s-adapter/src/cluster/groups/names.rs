use std::collections::BTreeMap;

use k8s_openapi::{api::coordination::v1::Lease, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use vipcast_election::groups::Group;

/// The Lease that says how many groups there are. Nobody holds it.
pub(super) const CHARTER: &str = "vipcast-addresses";
/// What all of them are labelled with.
const PURPOSE: (&str, &str) = ("vipcast.io/election", "addresses");
/// By it they are found.
pub(super) const SELECTOR: &str = "vipcast.io/election=addresses";
/// How many groups there are.
const COUNT: &str = "vipcast.io/lease-groups";

/// What a Lease is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    Charter,
    Group(Group),
}

/// The count is part of the name: nodes with different counts cannot take each other's.
pub(super) fn name(group: Group) -> String {
    format!("{CHARTER}-{}-of-{}", group.number, group.of)
}

pub(super) fn named(lease: &Lease) -> Option<Named> {
    let name = lease.metadata.name.as_deref()?;
    let Some(rest) = name.strip_prefix(CHARTER)?.strip_prefix('-') else {
        return (name == CHARTER).then_some(Named::Charter);
    };
    let (number, of) = rest.split_once("-of-")?;
    Some(Named::Group(Group { of: of.parse().ok()?, number: number.parse().ok()? }))
}

/// One that does not exist yet.
pub(super) fn labelled(group: Group) -> Lease {
    Lease { metadata: metadata(group.of), spec: None }
}

pub(super) fn charter(namespace: &str, count: u16) -> Lease {
    let metadata = ObjectMeta {
        name: Some(CHARTER.to_owned()),
        namespace: Some(namespace.to_owned()),
        ..metadata(count)
    };
    Lease { metadata, spec: None }
}

/// The count that a charter says; 0 where that cannot be read.
pub(super) fn count_of(charter: &Lease) -> u16 {
    let labels = charter.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(COUNT)?.parse().ok()).unwrap_or(0)
}

fn metadata(count: u16) -> ObjectMeta {
    let labels = [PURPOSE, (COUNT, &count.to_string())];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    ObjectMeta { labels: Some(BTreeMap::from(labels)), ..ObjectMeta::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_name(name: &str) -> Lease {
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        Lease { metadata, spec: None }
    }

    #[test]
    fn a_name_says_which_group_of_how_many() {
        let group = Group { of: 16, number: 7 };
        assert_eq!(name(group), "vipcast-addresses-7-of-16");
        assert_eq!(named(&of_name(&name(group))), Some(Named::Group(group)));
        assert_eq!(named(&of_name(CHARTER)), Some(Named::Charter));
        for other in [
            "vipcast-controller",
            "vipcast-addresses-",
            "vipcast-addresses-7",
            "vipcast-addressesx",
        ] {
            assert_eq!(named(&of_name(other)), None, "{other}");
        }
    }

    #[test]
    fn a_charter_without_a_count_says_none_that_anybody_has() {
        assert_eq!(count_of(&charter("ns", 16)), 16);
        assert_eq!(count_of(&of_name(CHARTER)), 0);
    }
}
