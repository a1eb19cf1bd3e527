use alloc::{collections::BTreeSet, vec::Vec};

use super::FewOrMany;

/// Numbers from 0 to 31 in an order without order.
fn next(state: &mut u32) -> u32 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *state >> 27
}

fn agrees_with_a_tree<const FEW: usize>() {
    let mut state = 1;
    for most in [1, 2, FEW, FEW + 1, 32] {
        let mut set = FewOrMany::<u32, FEW>::None;
        let mut model = BTreeSet::new();
        for _ in 0..2_000 {
            let (item, bound) = (next(&mut state), next(&mut state));
            if model.len() < most && next(&mut state) < 16 {
                set.insert(item);
                model.insert(item);
            } else {
                set.remove(item);
                model.remove(&item);
            }
            assert_eq!(set.len(), model.len());
            assert_eq!(set.contains(bound), model.contains(&bound));
            assert!(set.iter().eq(model.iter().copied()));
            let (first, last) = (item.min(bound), item.max(bound));
            let between: Vec<_> = set.between(first, last).collect();
            assert!(model.range(first..=last).copied().eq(between));
        }
    }
}

#[test]
fn it_is_a_sorted_set_while_it_is_small_and_after() {
    agrees_with_a_tree::<1>();
    agrees_with_a_tree::<12>();
}
