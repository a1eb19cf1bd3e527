use super::*;

/// The loopback link, which every namespace has.
const LO: u32 = 1;

fn wanted(groups: impl IntoIterator<Item = u16>) -> BTreeSet<Membership> {
    let group = |low| Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, low);
    groups.into_iter().map(|low| (LO, group(low))).collect()
}

fn joined(memberships: &GroupMemberships) -> BTreeSet<Membership> {
    memberships.joined().collect()
}

#[test]
fn what_is_wanted_is_joined_by_and_by_and_before_anything_is_left() {
    let mut memberships = GroupMemberships::default();
    memberships.follow(&wanted(1..=5));
    assert!(memberships.is_behind());
    memberships.proceed(2);
    assert_eq!(joined(&memberships), wanted([1, 2]));
    memberships.proceed(9);
    assert_eq!(joined(&memberships), wanted(1..=5));
    assert!(!memberships.is_behind());

    memberships.follow(&wanted([5, 6]));
    memberships.proceed(1);
    assert_eq!(joined(&memberships), wanted(1..=6));
    memberships.proceed(4);
    assert_eq!(joined(&memberships), wanted([5, 6]));
    assert!(!memberships.is_behind());
}

#[test]
fn what_is_wanted_again_before_it_was_left_stays_joined() {
    let mut memberships = GroupMemberships::default();
    memberships.follow(&wanted(1..=5));
    memberships.proceed(5);
    memberships.follow(&wanted([]));
    memberships.proceed(1);
    memberships.follow(&wanted(1..=5));
    assert_eq!(joined(&memberships), wanted(2..=5));
    memberships.proceed(1);
    assert_eq!(joined(&memberships), wanted(1..=5));
    assert!(!memberships.is_behind());
}

#[test]
fn what_cannot_be_joined_is_told_and_tried_again_when_asked() {
    let nowhere = (u32::MAX, Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 1));
    let all = wanted([1]).into_iter().chain([nowhere]).collect();
    let mut memberships = GroupMemberships::default();
    memberships.follow(&all);
    memberships.proceed(9);
    assert_eq!(joined(&memberships), wanted([1]));
    assert!(memberships.failed().contains_key(&nowhere));
    assert!(!memberships.is_behind(), "a failure does not keep the thread awake");
    memberships.follow(&all);
    assert!(memberships.is_behind());
    memberships.follow(&wanted([1]));
    assert!(memberships.failed().is_empty());
}
