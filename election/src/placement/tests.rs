use alloc::{format, vec, vec::Vec};
use core::time::Duration;

use proptest::prelude::*;
use vipcast_sans_io::Instant;

use super::*;

/// What a segment looks like: who lives, who may hold what, who holds what.
#[derive(Clone, Debug, Default)]
struct World {
    nodes: Nodes,
    /// Each address with its group and the scores of its nodes.
    wanted: BTreeMap<IpAddr, (IpAddr, BTreeMap<NodeName, u32>)>,
    holders: BTreeMap<IpAddr, NodeName>,
}

/// Where this node should have this group, if not where it is.
fn better(world: &World, group: usize, from: usize) -> Option<NodeName> {
    let groups = [address(group)].into();
    let preferred = preferred(&world.nodes, &world.demands(), &groups, &node(from));
    assert_eq!(preferred.len(), 1);
    preferred.into_iter().next().and_then(|preference| preference.to)
}

impl World {
    /// All may hold all.
    fn equal(nodes: usize, addresses: usize) -> Self {
        let mut world = Self::default();
        (0..nodes).for_each(|index| world.join(index));
        let all: BTreeMap<NodeName, u32> = (0..100).map(|index| (node(index), 0)).collect();
        for index in 0..addresses {
            world.wanted.insert(address(index), (address(index), all.clone()));
        }
        world
    }

    fn join(&mut self, index: usize) {
        self.nodes.insert(node(index), Weight::MIN);
    }

    fn die(&mut self, index: usize) {
        self.nodes.remove(&node(index));
        self.holders.retain(|_, holder| *holder != node(index));
    }

    fn demands(&self) -> Vec<Demand<'_>> {
        let wanted = self.wanted.iter().map(|(&address, (group, scores))| Demand {
            address,
            group: *group,
            eligible: scored(scores),
            holder: self.holders.get(&address),
        });
        wanted.collect()
    }

    /// Places what has no holder, and says what moved.
    fn settle(&mut self) -> BTreeMap<IpAddr, NodeName> {
        let placed = place(&self.nodes, &self.demands());
        self.holders.extend(placed.clone());
        placed
    }

    fn rebalance(&mut self) -> usize {
        for count in 0.. {
            let Some(next) = relief(&self.nodes, &self.demands()) else { return count };
            assert!(count < 10_000, "the moves never end");
            for (address, (group, _)) in &self.wanted {
                if *group == next.group && self.holders.get(address) == Some(&next.from) {
                    self.holders.insert(*address, next.to.clone());
                }
            }
        }
        0
    }

    /// Groups held by each living node.
    fn loads(&self) -> Vec<usize> {
        let load = |node: &NodeName| {
            let held =
                self.wanted.iter().filter(|(address, _)| self.holders.get(address) == Some(node));
            held.map(|(_, (group, _))| group).collect::<BTreeSet<_>>().len()
        };
        self.nodes.keys().map(load).collect()
    }
}

fn scored(scores: &BTreeMap<NodeName, u32>) -> Vec<(&NodeName, u32)> {
    scores.iter().map(|(node, &score)| (node, score)).collect()
}

fn node(index: usize) -> NodeName {
    NodeName::new(format!("node-{index:02}"))
}

fn address(index: usize) -> IpAddr {
    let index = u8::try_from(index).unwrap();
    IpAddr::from([192, 0, 2, index])
}

#[test]
fn ten_addresses_on_ten_nodes_are_one_each_at_cold_start() {
    let mut world = World::equal(10, 10);
    world.settle();
    assert_eq!(world.loads(), [1; 10]);
}

#[test]
fn at_cold_start_most_are_where_rendezvous_puts_them() {
    let mut world = World::equal(4, 100);
    world.settle();
    assert_eq!(world.loads(), [25; 4]);
    let first = |address: IpAddr| rendezvous::first(world.nodes.keys().map(|n| (n, 0)), address);
    let there = world.holders.iter().filter(|(a, holder)| first(**a) == Some(holder)).count();
    assert!(there >= 80, "{there}");
}

#[test]
fn a_heavier_node_takes_more() {
    let mut world = World::equal(3, 40);
    world.nodes.insert(node(0), Weight::new(2).unwrap());
    world.settle();
    assert_eq!(world.loads(), [20, 10, 10]);
    world.die(2);
    world.settle();
    assert_eq!(world.loads(), [27, 13]);
}

#[test]
fn a_preferred_node_takes_all_that_prefers_it() {
    let mut world = World::equal(3, 9);
    for (_, scores) in world.wanted.values_mut() {
        scores.insert(node(1), 100);
    }
    world.settle();
    assert_eq!(world.loads(), [0, 9, 0]);
    world.rebalance();
    assert_eq!(world.loads(), [0, 9, 0], "evenness does not outweigh a preference");
}

#[test]
fn a_group_stays_together_also_when_one_of_it_comes_later() {
    let mut world = World::equal(5, 8);
    for index in [3, 4, 5] {
        world.wanted.get_mut(&address(index)).unwrap().0 = address(3);
    }
    let late = world.wanted.remove(&address(5)).unwrap();
    world.settle();
    assert_eq!(world.holders[&address(3)], world.holders[&address(4)]);
    world.wanted.insert(address(5), late);
    world.settle();
    assert_eq!(world.holders[&address(3)], world.holders[&address(5)]);
}

#[test]
fn a_group_that_no_node_may_hold_whole_is_split() {
    let mut world = World::equal(2, 2);
    world.wanted.insert(address(0), (address(0), [(node(0), 0)].into()));
    world.wanted.insert(address(1), (address(0), [(node(1), 0)].into()));
    world.settle();
    assert_eq!(world.holders, [(address(0), node(0)), (address(1), node(1))].into());
}

#[test]
fn what_nobody_may_hold_is_left_out() {
    let mut world = World::equal(2, 1);
    world.wanted.get_mut(&address(0)).unwrap().1.clear();
    assert!(world.settle().is_empty());
}

#[test]
fn a_changed_preference_names_the_better_node_and_an_equal_one_is_no_reason() {
    let mut world = World::equal(3, 1);
    world.holders.insert(address(0), node(0));
    assert_eq!(better(&world, 0, 0), None);
    world.wanted.get_mut(&address(0)).unwrap().1.insert(node(2), 7);
    let better = better(&world, 0, 0);
    assert_eq!(better, Some(node(2)));
}

#[test]
fn groups_are_judged_together_as_one_by_one() {
    let mut world = World::equal(3, 30);
    for index in 0..30 {
        world.holders.insert(address(index), node(index % 2));
        let (group, scores) = world.wanted.get_mut(&address(index)).unwrap();
        *group = address(index / 4);
        scores.insert(node(index % 3), 1 + index as u32 % 2);
    }
    let groups: BTreeSet<IpAddr> = (0..8).map(address).collect();
    let together = preferred(&world.nodes, &world.demands(), &groups, &node(0));
    assert_eq!(together.iter().map(|preference| preference.held.len()).sum::<usize>(), 15);
    assert!(together.iter().any(|preference| preference.to.is_some()));
    for (index, preference) in together.into_iter().enumerate() {
        assert_eq!(preference.group, address(index));
        assert_eq!(preference.to, better(&world, index, 0));
    }
}

#[test]
fn a_holder_that_may_hold_it_no_more_is_left() {
    let mut world = World::equal(3, 1);
    world.holders.insert(address(0), node(0));
    world.wanted.get_mut(&address(0)).unwrap().1.remove(&node(0));
    assert!(better(&world, 0, 0).is_some());
}

#[test]
fn four_moves_in_three_minutes_and_no_fifth() {
    let mut moves = Moves::default();
    let start = Instant::from_millis(1);
    for second in [0, 60, 120, 179] {
        let now = start + Duration::from_secs(second);
        assert!(moves.allows(now));
        moves.add(now);
    }
    assert!(!moves.allows(start + Duration::from_micros(179_999_999)));
    assert!(moves.allows(start + MOVES_WINDOW));
}

#[test]
fn the_budget_is_spent_and_comes_back_after_a_minute() {
    let mut budget = Budget::new(2);
    let start = Instant::from_millis(1);
    budget.spend(start);
    assert!(budget.allows(start));
    budget.spend(start + Duration::from_secs(1));
    assert!(!budget.allows(start + Duration::from_secs(59)));
    assert!(budget.allows(start + Duration::from_secs(60)));
    assert!(!Budget::new(0).allows(start));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Without a budget for moves, whatever happens moves only what has lost its holder.
    #[test]
    fn no_needless_move(steps in prop::collection::vec((0..8_usize, any::<bool>()), 1..40)) {
        let mut world = World::equal(3, 20);
        world.settle();
        for (index, join) in steps {
            let before = world.holders.clone();
            if join { world.join(index) } else { world.die(index) }
            world.settle();
            for (address, holder) in &before {
                let dead = !world.nodes.contains_key(holder);
                prop_assert!(dead || world.holders.get(address) == Some(holder));
            }
            prop_assert!(world.nodes.is_empty() || world.holders.len() == 20);
        }
    }

    /// With the budget on, no node holds more than its share and one.
    #[test]
    fn the_bound_holds_after_a_hundred_joins_and_deaths(
        steps in prop::collection::vec((0..12_usize, any::<bool>()), 100),
        addresses in 1..40_usize,
    ) {
        let mut world = World::equal(5, addresses);
        for (index, join) in steps {
            if join { world.join(index) } else if world.nodes.len() > 1 { world.die(index) }
            world.join(0);
            world.settle();
            world.rebalance();
            let most = world.loads().into_iter().max().unwrap_or(0);
            prop_assert!(most <= addresses.div_ceil(world.nodes.len()) + 1);
        }
    }

    /// A death leaves the spread as even as it was, without any voluntary move.
    #[test]
    fn after_one_death_the_loads_differ_by_one(
        nodes in 2..12_usize, addresses in 1..60_usize, dead in 0..12_usize,
    ) {
        let mut world = World::equal(nodes, addresses);
        world.settle();
        world.die(dead % nodes);
        world.settle();
        let loads = world.loads();
        let most = loads.iter().max().copied().unwrap_or(0);
        prop_assert!(most <= addresses.div_ceil(nodes - 1), "{:?}", loads);
    }

    /// All nodes compute the same, whatever order the demands come in.
    #[test]
    fn the_order_of_the_demands_does_not_matter(seed in prop::collection::vec(any::<u32>(), 20)) {
        let world = World::equal(4, 20);
        let mut shuffled: Vec<_> = world.demands().into_iter().zip(seed).collect();
        shuffled.sort_by_key(|(_, key)| *key);
        let shuffled: Vec<_> = shuffled.into_iter().map(|(demand, _)| demand).collect();
        prop_assert_eq!(place(&world.nodes, &shuffled), place(&world.nodes, &world.demands()));
    }
}

#[test]
fn with_nobody_there_nothing_is_placed() {
    let world = World::equal(0, 3);
    assert_eq!(place(&world.nodes, &world.demands()), BTreeMap::new());
    assert_eq!(relief(&world.nodes, &world.demands()), None);
    assert_eq!(vec![0; 0], world.loads());
}
