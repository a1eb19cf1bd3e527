use alloc::vec::Vec;

use super::{Log, SLACK};
use crate::rib_out::set_id::SetId;

#[test]
fn a_key_that_changes_for_ever_takes_no_more_room() {
    let mut log = Log::new();
    log.move_reader(None, Some(0));
    let kept: Vec<_> = (0..100_000).filter_map(|n| log.record(n % 3, Some(SetId(n % 2)))).collect();
    // Each of the three was announced under both sets.
    assert_eq!(kept.len(), 6);
    assert_eq!(log.len(), 3);
    assert!(log.order.len() <= 6 + SLACK, "{}", log.order.len());
}

#[test]
fn of_a_key_that_has_changed_again_the_later_change_counts() {
    let mut log = Log::new();
    log.move_reader(None, Some(0));
    for key in ['a', 'b', 'a'] {
        log.record(key, Some(SetId(1)));
    }
    let current = |log: &Log<char>| -> Vec<_> {
        let counts = |version: &u64, key| log.change(&key).is_some_and(|c| c.version == *version);
        log.after(0).filter(|(version, key)| counts(version, *key)).collect()
    };
    assert_eq!(current(&log), [(2, 'b'), (3, 'a')]);
    // Who has passed the first change of `a` has not passed the last.
    assert!(log.move_reader(Some(0), Some(1)).is_empty());
    assert_eq!(current(&log), [(2, 'b'), (3, 'a')]);
    assert_eq!(log.move_reader(Some(1), Some(2)), [SetId(1)]);
    assert_eq!(current(&log), [(3, 'a')]);
    assert_eq!(log.move_reader(Some(2), None), [SetId(1)]);
    assert_eq!(log.len(), 0);
}
