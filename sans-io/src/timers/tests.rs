use alloc::{vec, vec::Vec};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Set(u8, u64),
    Stop(u8),
    Pop(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..8_u8, 0..20_u64).prop_map(|(k, at)| Op::Set(k, at)),
        (0..8_u8).prop_map(Op::Stop),
        (0..20_u64).prop_map(Op::Pop),
    ]
}

#[test]
fn equal_deadlines_expire_in_the_order_of_their_keys() {
    let mut timers = TimerTable::new();
    for key in ["c", "a", "b"] {
        timers.set(key, Instant::from_micros(1));
    }
    let popped: Vec<_> =
        core::iter::from_fn(|| timers.pop_expired(Instant::from_micros(1))).collect();
    assert_eq!(popped, vec!["a", "b", "c"]);
}

#[test]
fn a_moved_timer_fires_once_and_at_its_new_time() {
    let mut timers = TimerTable::new();
    timers.set("x", Instant::from_micros(1));
    timers.set("x", Instant::from_micros(5));
    assert_eq!(timers.pop_expired(Instant::from_micros(4)), None);
    assert_eq!(timers.pop_expired(Instant::from_micros(5)), Some("x"));
    assert!(timers.is_empty());
}

proptest! {
    /// Against the obvious model: a vector that is searched.
    #[test]
    fn it_behaves_as_a_searched_list(ops in proptest::collection::vec(op(), 0..60)) {
        let mut timers = TimerTable::new();
        let mut model: Vec<(Instant, u8)> = Vec::new();
        for op in ops {
            match op {
                Op::Set(key, at) => {
                    let at = Instant::from_micros(at);
                    model.retain(|&(_, k)| k != key);
                    model.push((at, key));
                    timers.set(key, at);
                }
                Op::Stop(key) => {
                    let armed = model.iter().any(|&(_, k)| k == key);
                    model.retain(|&(_, k)| k != key);
                    prop_assert_eq!(timers.stop(&key), armed);
                }
                Op::Pop(now) => {
                    let now = Instant::from_micros(now);
                    model.sort_unstable();
                    let due = model.first().copied().filter(|&(at, _)| at <= now);
                    if due.is_some() {
                        model.remove(0);
                    }
                    prop_assert_eq!(timers.pop_expired(now), due.map(|(_, key)| key));
                }
            }
            prop_assert_eq!(timers.len(), model.len());
            prop_assert_eq!(timers.next_timeout(), model.iter().map(|&(at, _)| at).min());
        }
    }
}
