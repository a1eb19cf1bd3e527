//! Random pools, requests and operations, small enough to collide often.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
};

use proptest::{collection::vec, option, prelude::*, sample::select};
use vipcast_ipam::{
    CrossNamespace, Families, Family, LabelSelector, Labels, Others, Owner, Pool, Pools, Port,
    Priority, Protocol, Request, Requirement, Reuse, Selection,
};

/// Pools, and for each whether it spares network and broadcast, and whether it avoids .0 and .255.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) pools: Pools,
    pub(crate) flags: BTreeMap<String, (bool, bool)>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pools = self.pools.iter().map(|pool| {
            let ranges: Vec<_> = pool.ranges().iter().map(ToString::to_string).collect();
            let rules =
                (pool.auto_assign(), pool.is_disabled(), pool.is_default(), pool.selection());
            let more = (pool.quota_of("red"), pool.reservations(), pool.cross_namespace());
            let sharing = (pool.share_explicit(), pool.dual_with_other_pools());
            (pool.name(), ranges, self.flags[pool.name()], rules, more, sharing)
        });
        f.debug_list().entries(pools).finish()
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Allocate(Request),
    Release(Owner),
    Restore(Request, Vec<IpAddr>),
    Reconfigure(World),
}

pub(crate) fn owner() -> impl Strategy<Value = Owner> {
    (select(vec!["red", "blue"]), select(vec!["a", "b", "c", "d", "e"]))
        .prop_map(|(namespace, name)| Owner::new(namespace, name))
}

/// An address near those of the pools.
pub(crate) fn address() -> impl Strategy<Value = IpAddr> {
    let v4 = (0u8..3, 250u16..262)
        .prop_map(|(pool, low)| IpAddr::from([10, pool, (low >> 8) as u8, (low & 0xff) as u8]));
    let v6 =
        (0u16..3, 0u16..5).prop_map(|(pool, low)| IpAddr::from([0xfd00, pool, 0, 0, 0, 0, 0, low]));
    prop_oneof![3 => v4, 1 => v6]
}

pub(crate) fn families() -> impl Strategy<Value = Families> {
    prop_oneof![
        4 => Just(Families::Single(Family::V4)),
        1 => Just(Families::Single(Family::V6)),
        1 => Just(Families::RequireDual),
        1 => Just(Families::PreferDual { primary: Family::V4 }),
        1 => Just(Families::PreferDual { primary: Family::V6 }),
    ]
}

pub(crate) fn request() -> impl Strategy<Value = Request> {
    let port = (select(vec![Protocol::Tcp, Protocol::Udp]), 80u16..83)
        .prop_map(|(protocol, number)| Port { protocol, number });
    let which = (
        owner(),
        families(),
        prop_oneof![4 => Just(vec![]), 1 => vec(address(), 1..3)],
        option::weighted(0.15, select(vec!["p0", "p1", "p2", "none"])),
        prop_oneof![5 => Just(1u16), 1 => Just(2u16)],
    );
    let sharing = (
        option::weighted(0.5, select(vec!["k", "l", ""])),
        vec(port, 0..3),
        select(vec!["", "", "x"]),
        any::<(bool, bool)>(),
        proptest::bool::weighted(0.2),
    );
    (which, sharing).prop_map(|(which, sharing)| {
        let (owner, families, addresses, pool, per_family) = which;
        let (key, ports, backend, (consents, labelled), two_pools) = sharing;
        let mut request = Request::new(owner, families);
        request.addresses = addresses;
        request.pool = pool.map(Into::into);
        request.per_family = per_family;
        request.sharing_key = key.map(Into::into);
        request.ports = ports.into_iter().collect();
        request.backend_key = backend.into();
        request.two_pools = two_pools;
        if consents {
            request.sharing_namespaces = BTreeSet::from(["red".into(), "blue".into()]);
        }
        if labelled {
            request.labels = Labels::from([("app".into(), "web".into())]);
        }
        request
    })
}

fn selection() -> impl Strategy<Value = Selection> {
    let others = select(vec![Others::Refused, Others::OnRequest]);
    (0u8..4, others).prop_map(|(kind, others)| {
        let app =
            LabelSelector { requirements: vec![Requirement::In("app".into(), vec!["web".into()])] };
        let mut selection = Selection { others, ..Selection::default() };
        if kind & 1 != 0 {
            selection.namespaces.insert("red".into());
        }
        if kind & 2 != 0 {
            selection.owner_selectors.push(app);
        }
        selection
    })
}

fn pool(number: u8, reuse: Reuse) -> impl Strategy<Value = (Pool, (bool, bool))> {
    let addresses = (1u8..7, 0u16..4, any::<bool>(), proptest::bool::weighted(0.3), any::<bool>());
    let rules = (
        proptest::bool::weighted(0.8),
        proptest::bool::weighted(0.1),
        option::weighted(0.3, selection()),
        0u32..3,
        option::weighted(0.3, 0u64..4),
        vec((address(), owner()), 0..3),
    );
    let flags = any::<(bool, bool, bool, bool)>();
    (addresses, rules, flags).prop_map(move |(addresses, rules, flags)| {
        let (v4, v6, as_prefix, excludes, avoids_buggy) = addresses;
        let (auto, disabled, selection, priority, quota, reservations) = rules;
        let (dual, consent, keyless, default) = flags;
        let mut builder = Pool::builder(format!("p{number}"))
            .auto_assign(auto)
            .disabled(disabled)
            .priority(Priority::zero_is_last(priority))
            .avoid_buggy_ips(avoids_buggy)
            .spare_network_and_broadcast(as_prefix)
            .dual_with_other_pools(dual)
            .share_explicit(keyless)
            .default_pool(default && number == 0)
            .reuse(reuse);
        // The higher range is written first.
        if as_prefix {
            builder = builder.range(format!("10.{number}.1.4/31").parse().unwrap());
        }
        let last = 252 + u16::from(v4);
        let last = format!("10.{number}.{}.{}", last >> 8, last & 0xff);
        builder = builder.range(format!("10.{number}.0.252-{last}").parse().unwrap());
        if v6 > 0 {
            builder = builder.range(format!("fd00:{number}::/{}", 129 - v6).parse().unwrap());
        }
        if excludes {
            builder = builder.exclude(format!("10.{number}.0.253").parse().unwrap());
        }
        if consent {
            builder = builder.cross_namespace(CrossNamespace::WithConsent);
        }
        if let Some(selection) = selection {
            builder = builder.selection(selection);
        }
        if let Some(quota) = quota {
            builder = builder.quota(quota);
        }
        let plain = builder.clone().build().expect("the ranges are valid");
        for (address, owner) in reservations {
            // Only addresses that the pool hands out can be reserved.
            let with = builder.clone().reserve(address, owner);
            if plain.contains(address) && with.clone().build().is_ok() {
                builder = with;
            }
        }
        let pool = builder.build().expect("the reservations are valid");
        (pool, (as_prefix, avoids_buggy))
    })
}

pub(crate) fn world(reuse: Reuse) -> impl Strategy<Value = World> {
    let pools = (pool(0, reuse), pool(1, reuse), pool(2, reuse), 1usize..4);
    pools.prop_map(|(a, b, c, count)| {
        let all: Vec<_> = [a, b, c].into_iter().take(count).collect();
        let flags = all.iter().map(|(pool, flags)| (pool.name().into(), *flags));
        World {
            flags: flags.collect(),
            pools: Pools::new(all.into_iter().map(|(pool, _)| pool).collect()).unwrap(),
        }
    })
}

pub(crate) fn operations(
    reuse: Reuse,
    reconfigures: bool,
) -> impl Strategy<Value = Vec<Operation>> {
    let restore = (request(), vec(address(), 0..4));
    let operation = prop_oneof![
        12 => request().prop_map(Operation::Allocate),
        3 => owner().prop_map(Operation::Release),
        2 => restore.prop_map(|(request, addresses)| Operation::Restore(request, addresses)),
    ];
    let reconfigure = world(reuse).prop_map(Operation::Reconfigure);
    let operation = if reconfigures {
        prop_oneof![17 => operation, 1 => reconfigure].boxed()
    } else {
        operation.boxed()
    };
    vec(operation, 1..40)
}
