//! Allocators with very many assignments.

use std::hash::{DefaultHasher, Hash, Hasher};

use vipcast_ipam::{
    AllocateError, Allocator, Families, Family, Owner, Pool, Pools, Port, Protocol, Request,
};

/// A small generator (xorshift64*), so that each run takes the same steps.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of a seed, which must not be 0.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let wide = u128::from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d));
        usize::try_from((wide * bound as u128) >> 64).unwrap_or(0)
    }

    /// Puts a slice into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// One pool with one range.
///
/// # Panics
///
/// When `range` is not one.
#[must_use]
pub fn one_pool(range: &str) -> Pools {
    let range = range.parse().expect("a range");
    let pool = Pool::builder("bench").range(range).build();
    Pools::new(vec![pool.expect("a pool")]).expect("one pool")
}

/// A request of one IPv4 address for the owner of a number, in one of 64 namespaces.
#[must_use]
pub fn plain(number: usize) -> Request {
    let owner = Owner::new(format!("team-{}", number % 64), format!("service-{number}"));
    Request::new(owner, Families::Single(Family::V4))
}

/// A request that shares: ten owners, each with a port of its own, have one key.
#[must_use]
pub fn sharing(number: usize) -> Request {
    let mut request = plain(number);
    request.sharing_key = Some(format!("key-{}", number / 10));
    request.ports.insert(Port { protocol: Protocol::Tcp, number: 8000 + (number % 10) as u16 });
    request
}

/// Reads all that a request of these benchmarks says.
#[must_use]
pub fn read(request: &Request) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&request.owner, &request.sharing_key, &request.ports).hash(&mut hasher);
    hasher.finish()
}

/// An allocator in which all of these requests are met.
///
/// # Errors
///
/// When one is refused.
pub fn filled(pools: Pools, requests: &[Request]) -> Result<Allocator, AllocateError> {
    let mut allocator = Allocator::new(pools);
    for request in requests {
        allocator.allocate(request)?;
    }
    Ok(allocator)
}
