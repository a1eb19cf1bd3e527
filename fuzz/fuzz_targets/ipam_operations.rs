//! Random operations on a small allocator: the counters add up, no address has two holders without a key, and the snapshot
//! restores to the same state.

#![no_main]

use std::{collections::BTreeMap, net::IpAddr};

use libfuzzer_sys::fuzz_target;
use vipcast_ipam::{
    Allocator, Families, Family, Owner, Pool, Pools, Port, Protocol, Request, Reuse,
};

/// Reads decisions from the input, and zeros when it has ended.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn below(&mut self, bound: u8) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first % bound
    }
}

fn pools(choices: &mut Choices<'_>) -> Pools {
    let mut pools = Vec::new();
    for number in 0..=choices.below(3) {
        let last = 250 + u16::from(choices.below(12));
        let range = format!("10.0.{number}.250-10.{}.{number}.{}", last >> 8, last & 0xff);
        let reuse = [Reuse::LowestFree, Reuse::LeastRecentlyFreed, Reuse::HashOfName];
        let mut pool = Pool::builder(format!("p{number}"))
            .reuse(reuse[usize::from(choices.below(3))])
            .avoid_buggy_ips(choices.below(2) == 1)
            .retention(u64::from(choices.below(3)))
            .auto_assign(choices.below(4) > 0)
            .dual_with_other_pools(choices.below(2) == 1);
        if let Ok(range) = range.parse() {
            pool = pool.range(range);
        }
        if choices.below(2) == 1 {
            pool = pool.range(format!("fd00:{number}::/126").parse().expect("a prefix"));
        }
        if choices.below(3) == 0 {
            pool = pool.quota(u64::from(choices.below(5)));
        }
        pools.extend(pool.build());
    }
    // Ranges that run into the next pool are refused together.
    Pools::new(pools).unwrap_or_default()
}

fn owner(choices: &mut Choices<'_>) -> Owner {
    let namespace = ["red", "blue"][usize::from(choices.below(2))];
    Owner::new(namespace, format!("{}", choices.below(8)))
}

fn address(choices: &mut Choices<'_>) -> IpAddr {
    match choices.below(3) {
        0 => IpAddr::from([
            0xfd00,
            u16::from(choices.below(3)),
            0,
            0,
            0,
            0,
            0,
            u16::from(choices.below(5)),
        ]),
        _ => IpAddr::from([10, 0, choices.below(3), 244_u8.saturating_add(choices.below(12))]),
    }
}

fn request(choices: &mut Choices<'_>) -> Request {
    let primary = [Family::V4, Family::V6][usize::from(choices.below(2))];
    let families = match choices.below(4) {
        0 => Families::RequireDual,
        1 => Families::PreferDual { primary },
        _ => Families::Single(primary),
    };
    let mut request = Request::new(owner(choices), families);
    request.per_family = u16::from(choices.below(3));
    request.two_pools = choices.below(3) == 0;
    if choices.below(4) == 0 {
        request.addresses = (0..=choices.below(2)).map(|_| address(choices)).collect();
    }
    if choices.below(6) == 0 {
        request.pool = Some(format!("p{}", choices.below(4)));
    }
    if choices.below(2) == 0 {
        request.sharing_key = Some(format!("k{}", choices.below(2)));
        for _ in 0..choices.below(3) {
            let number = 80 + u16::from(choices.below(4));
            request.ports.insert(Port { protocol: Protocol::Tcp, number });
        }
    }
    request
}

fn check(allocator: &Allocator, keys: &BTreeMap<Owner, Option<String>>) {
    for usage in allocator.usage() {
        for usage in [usage.v4, usage.v6] {
            assert_eq!(usage.capacity, usage.in_use + usage.kept + usage.available);
        }
    }
    for (owner, assignment) in allocator.assignments() {
        for address in &assignment.addresses {
            let holders = allocator.holders(*address);
            assert!(holders.contains(&owner));
            assert!(holders.len() == 1 || holders.iter().all(|holder| keys[holder].is_some()));
        }
    }
    let snapshot = allocator.snapshot();
    let pools = allocator.pools().clone();
    let (copy, changes) = Allocator::from_snapshot(pools, snapshot.clone()).expect("our own");
    assert_eq!(changes, []);
    assert_eq!(copy.snapshot(), snapshot);
}

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices(input);
    let mut allocator = Allocator::new(pools(&mut choices));
    let mut keys = BTreeMap::new();
    while !choices.0.is_empty() {
        match choices.below(8) {
            0 | 1 => drop(allocator.release(&owner(&mut choices))),
            2 => allocator.advance(1),
            3 => drop(allocator.reconfigure(pools(&mut choices))),
            4 => {
                let request = request(&mut choices);
                let addresses: Vec<_> =
                    (0..choices.below(4)).map(|_| address(&mut choices)).collect();
                keys.insert(request.owner.clone(), request.sharing_key.clone());
                allocator.restore(&request, &addresses);
            }
            _ => {
                let request = request(&mut choices);
                let explained = allocator.explain(&request).outcome;
                keys.insert(request.owner.clone(), request.sharing_key.clone());
                let answer = allocator.allocate(&request);
                assert_eq!(explained, answer);
                if answer.is_ok() {
                    assert_eq!(allocator.allocate(&request), answer);
                }
            }
        }
    }
    check(&allocator, &keys);
});
