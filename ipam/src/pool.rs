use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
    vec::Vec,
};
use core::net::IpAddr;

use crate::{
    AddressRange, CrossNamespace, Labels, Owner, PoolError, Priority, Request, Reuse, Selection,
    segment::{Segment, UnusableReason, segments},
};

/// A named set of addresses and the rules by which they are handed out. Valid once built.
///
/// ```
/// use vipcast_ipam::Pool;
///
/// let pool = Pool::builder("lan")
///     .range("192.168.1.200-192.168.1.220".parse()?)
///     .range("fd00:1::/64".parse()?)
///     .exclude("192.168.1.210".parse()?)
///     .build()?;
/// assert_eq!(pool.name(), "lan");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    config: PoolBuilder,
    segments: Vec<Segment>,
}

/// Collects what a pool is made of; [`build`](Self::build) checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a builder does nothing until `build`"]
pub struct PoolBuilder {
    name: Arc<str>,
    ranges: Vec<AddressRange>,
    excluded: Vec<AddressRange>,
    labels: Labels,
    auto_assign: bool,
    avoid_buggy_ips: bool,
    spare_network_and_broadcast: bool,
    priority: Priority,
    selection: Option<Selection>,
    is_default: bool,
    disabled: bool,
    reuse: Reuse,
    retention: u64,
    quota: Option<u64>,
    quotas: BTreeMap<String, u64>,
    reservations: BTreeMap<IpAddr, BTreeSet<Owner>>,
    cross_namespace: CrossNamespace,
    share_explicit: bool,
    dual_with_other_pools: bool,
}

impl PoolBuilder {
    /// Adds a range. Ranges are used in the order in which they were added.
    pub fn range(mut self, range: AddressRange) -> Self {
        self.ranges.push(range);
        self
    }

    /// Adds several ranges.
    pub fn ranges(mut self, ranges: impl IntoIterator<Item = AddressRange>) -> Self {
        self.ranges.extend(ranges);
        self
    }

    /// Takes a range out: none of its addresses is ever handed out or kept.
    pub fn exclude(mut self, range: AddressRange) -> Self {
        self.excluded.push(range);
        self
    }

    /// Labels, for those that select pools by them.
    pub fn labels(mut self, labels: Labels) -> Self {
        self.labels = labels;
        self
    }

    /// Whether the pool serves owners that ask neither for it nor for one of its addresses. True if not said.
    pub fn auto_assign(mut self, yes: bool) -> Self {
        self.auto_assign = yes;
        self
    }

    /// Takes out IPv4 addresses that end in .0 or .255.
    pub fn avoid_buggy_ips(mut self, yes: bool) -> Self {
        self.avoid_buggy_ips = yes;
        self
    }

    /// Takes out, of each range written as a prefix, the network address and, for IPv4, the broadcast address. Prefixes of
    /// one or two addresses have neither (RFC 3021, RFC 6164).
    pub fn spare_network_and_broadcast(mut self, yes: bool) -> Self {
        self.spare_network_and_broadcast = yes;
        self
    }

    /// The turn of the pool. [`Priority::LAST`] if not said.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Whom the pool is meant for. A pool with a selection, even an empty one, is tried before those without, and only for
    /// owners that match.
    pub fn selection(mut self, selection: Selection) -> Self {
        self.selection = Some(selection);
        self
    }

    /// Tried first among the pools that no selection has picked. One pool at most.
    pub fn default_pool(mut self, yes: bool) -> Self {
        self.is_default = yes;
        self
    }

    /// Hands out nothing new; what is assigned stays.
    pub fn disabled(mut self, yes: bool) -> Self {
        self.disabled = yes;
        self
    }

    /// Which free address is taken.
    pub fn reuse(mut self, reuse: Reuse) -> Self {
        self.reuse = reuse;
        self
    }

    /// How long a released address waits for its owner to come back, in the unit in which the caller calls
    /// [`Allocator::advance`](crate::Allocator::advance). 0, the default, is not at all.
    pub fn retention(mut self, units: u64) -> Self {
        self.retention = units;
        self
    }

    /// How many addresses of this pool each namespace may hold, unless [`quota_for`](Self::quota_for) says otherwise. An
    /// address that is shared within a namespace counts once.
    pub fn quota(mut self, addresses: u64) -> Self {
        self.quota = Some(addresses);
        self
    }

    /// How many addresses of this pool one namespace may hold.
    pub fn quota_for(mut self, namespace: impl Into<String>, addresses: u64) -> Self {
        self.quotas.insert(namespace.into(), addresses);
        self
    }

    /// Keeps `address` for `owner`, which need not exist yet. An address may be kept for several owners, who then share it
    /// or come one after the other.
    pub fn reserve(mut self, address: IpAddr, owner: Owner) -> Self {
        let owners = self.reservations.entry(address.to_canonical());
        owners.or_default().insert(owner);
        self
    }

    /// Who may share an address across namespaces.
    pub fn cross_namespace(mut self, rule: CrossNamespace) -> Self {
        self.cross_namespace = rule;
        self
    }

    /// An address that is asked for by number is shared with whoever holds it, with no key and no look at ports, as in
    /// OpenELB.
    pub fn share_explicit(mut self, yes: bool) -> Self {
        self.share_explicit = yes;
        self
    }

    /// A dual-stack owner may have one address from this pool and the other from another pool that says the same.
    pub fn dual_with_other_pools(mut self, yes: bool) -> Self {
        self.dual_with_other_pools = yes;
        self
    }

    /// Checks everything and makes the pool.
    ///
    /// # Errors
    ///
    /// See [`PoolError`].
    pub fn build(self) -> Result<Pool, PoolError> {
        if self.name.is_empty() {
            return Err(PoolError::Unnamed);
        }
        let pool = || self.name.clone();
        if self.ranges.is_empty() {
            return Err(PoolError::NoRange { pool: pool() });
        }
        for (index, first) in self.ranges.iter().enumerate() {
            let later = self.ranges.iter().skip(index + 1);
            if let Some(second) = later.into_iter().find(|range| range.overlaps(first)) {
                return Err(PoolError::Overlap { pool: pool(), first: *first, second: *second });
            }
        }
        let inside = |range: &AddressRange| self.ranges.iter().any(|own| own.overlaps(range));
        if let Some(range) = self.excluded.iter().find(|range| !inside(range)) {
            return Err(PoolError::ExclusionOutside { pool: pool(), range: *range });
        }
        let segments = segments(
            &self.ranges,
            &self.excluded,
            self.avoid_buggy_ips,
            self.spare_network_and_broadcast,
        );
        if segments.is_empty() {
            return Err(PoolError::NothingUsable { pool: pool() });
        }
        let usable = |address: IpAddr| segments.iter().any(|s| s.contains(address.into()));
        if let Some((address, owners)) = self.reservations.iter().find(|(at, _)| !usable(**at)) {
            return Err(PoolError::ReservationOutside {
                pool: pool(),
                address: *address,
                owners: owners.clone(),
            });
        }
        Ok(Pool { segments, config: self })
    }
}

impl Pool {
    /// Starts a pool of this name: automatic, for everyone, lowest free address first.
    pub fn builder(name: impl Into<Arc<str>>) -> PoolBuilder {
        PoolBuilder {
            name: name.into(),
            ranges: Vec::new(),
            excluded: Vec::new(),
            labels: Labels::new(),
            auto_assign: true,
            avoid_buggy_ips: false,
            spare_network_and_broadcast: false,
            priority: Priority::LAST,
            selection: None,
            is_default: false,
            disabled: false,
            reuse: Reuse::LowestFree,
            retention: 0,
            quota: None,
            quotas: BTreeMap::new(),
            reservations: BTreeMap::new(),
            cross_namespace: CrossNamespace::Allowed,
            share_explicit: false,
            dual_with_other_pools: false,
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// The ranges, in the order written.
    #[must_use]
    pub fn ranges(&self) -> &[AddressRange] {
        &self.config.ranges
    }

    /// The ranges that were taken out.
    #[must_use]
    pub fn excluded(&self) -> &[AddressRange] {
        &self.config.excluded
    }

    /// The labels.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.config.labels
    }

    /// Whether the pool serves owners that do not ask for it.
    #[must_use]
    pub fn auto_assign(&self) -> bool {
        self.config.auto_assign
    }

    /// The turn.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.config.priority
    }

    /// Whom the pool is meant for; nothing for everyone.
    #[must_use]
    pub fn selection(&self) -> Option<&Selection> {
        self.config.selection.as_ref()
    }

    /// Whether this is the default pool.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.config.is_default
    }

    /// Whether nothing new is handed out.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.config.disabled
    }

    /// Which free address is taken.
    #[must_use]
    pub fn reuse(&self) -> Reuse {
        self.config.reuse
    }

    /// How long a released address waits for its owner.
    #[must_use]
    pub fn retention(&self) -> u64 {
        self.config.retention
    }

    /// How many addresses `namespace` may hold, if that is limited.
    #[must_use]
    pub fn quota_of(&self, namespace: &str) -> Option<u64> {
        let own = self.config.quotas.get(namespace).copied();
        own.or(self.config.quota)
    }

    /// Which addresses are kept for whom.
    #[must_use]
    pub fn reservations(&self) -> &BTreeMap<IpAddr, BTreeSet<Owner>> {
        &self.config.reservations
    }

    /// Who may share an address across namespaces.
    #[must_use]
    pub fn cross_namespace(&self) -> CrossNamespace {
        self.config.cross_namespace
    }

    /// Whether an address asked for by number is shared without a key.
    #[must_use]
    pub fn share_explicit(&self) -> bool {
        self.config.share_explicit
    }

    /// Whether the two addresses of a dual-stack owner may come from two pools.
    #[must_use]
    pub fn dual_with_other_pools(&self) -> bool {
        self.config.dual_with_other_pools
    }

    /// Whether `address` lies in a range of the pool, handed out or taken out.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.config.ranges.iter().any(|range| range.contains(address))
    }

    /// Whether the owner of `request` may have an address of the pool when it asks for it.
    #[must_use]
    pub fn permits(&self, request: &Request) -> bool {
        match self.selection() {
            Some(selection) if selection.others == crate::Others::Refused => {
                selection.matches(request)
            }
            _ => true,
        }
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.config.name
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub(crate) fn has_quota(&self) -> bool {
        self.config.quota.is_some() || !self.config.quotas.is_empty()
    }

    /// Why an address of a range is not handed out.
    pub(crate) fn unusable(&self, address: IpAddr) -> UnusableReason {
        let address = address.to_canonical();
        if self.config.excluded.iter().any(|range| range.contains(address)) {
            UnusableReason::Excluded
        } else if self.config.avoid_buggy_ips && crate::address::Address::from(address).is_buggy() {
            UnusableReason::Buggy
        } else {
            UnusableReason::NetworkOrBroadcast
        }
    }
}
