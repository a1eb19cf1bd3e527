//! The allocator of addresses at sizes at which the incumbents need seconds to minutes.

#![allow(missing_docs, reason = "criterion's macros make the items")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use vipcast_benches::ipam::{Random, filled, one_pool, plain, sharing};
use vipcast_ipam::{Allocator, Request};

/// A world with many assignments, in which a random owner leaves and comes back.
struct Churn {
    allocator: Allocator,
    requests: Vec<Request>,
    random: Random,
}

impl Churn {
    fn new(allocator: Allocator, requests: Vec<Request>) -> Self {
        let random = Random::new(42);
        Self { allocator, requests, random }
    }

    /// A random owner leaves and a moment later, when another has left too, comes back. Times are of the calls alone.
    fn step(&mut self) -> (Duration, Duration) {
        let one = self.random.below(self.requests.len());
        let other = self.random.below(self.requests.len());
        let start = Instant::now();
        black_box(self.allocator.release(&self.requests[one].owner));
        let release = start.elapsed();
        self.allocator.release(&self.requests[other].owner);
        let start = Instant::now();
        let answer = black_box(self.allocator.allocate(&self.requests[one]));
        let allocate = start.elapsed();
        answer.expect("an address is free");
        self.allocator.allocate(&self.requests[other]).expect("an address is free");
        (allocate, release)
    }

    fn measure(&mut self, criterion: &mut Criterion, name: &str) {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20);
        group.bench_function("allocate", |bencher| {
            bencher.iter_custom(|count| (0..count).map(|_| self.step().0).sum());
        });
        group.bench_function("release", |bencher| {
            bencher.iter_custom(|count| (0..count).map(|_| self.step().1).sum());
        });
        group.finish();
        self.percentiles(name);
    }

    /// Criterion tells means; the tail is told here. The clock itself costs some 20 to 40 ns a reading.
    fn percentiles(&mut self, name: &str) {
        let steps: Vec<_> = (0..50_000).map(|_| self.step()).collect();
        let (allocate, release): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
        for (what, mut times) in [("allocate", allocate), ("release", release)] {
            times.sort_unstable();
            let at = |permille: usize| times[(times.len() * permille / 1000).min(times.len() - 1)];
            println!("{name}/{what}: p50 {:?}, p99 {:?}, p99.9 {:?}", at(500), at(990), at(999));
        }
    }
}

fn fill_16(criterion: &mut Criterion) {
    let requests: Vec<_> = (0..65_536).map(plain).collect();
    let mut group = criterion.benchmark_group("fill a /16 one by one");
    group.sample_size(10);
    group.bench_function("65,536 addresses", |bencher| {
        let pools = one_pool("10.0.0.0/16");
        bencher.iter_batched(
            || pools.clone(),
            |pools| filled(pools, &requests).expect("the pool is large enough"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn fragmented_12(criterion: &mut Criterion) {
    let mut requests: Vec<_> = (0..1 << 20).map(plain).collect();
    let mut allocator = filled(one_pool("10.0.0.0/12"), &requests).expect("it fits exactly");
    Random::new(7).shuffle(&mut requests);
    let live = requests.len() / 100 * 99;
    for request in requests.split_off(live) {
        allocator.release(&request.owner);
    }
    Churn::new(allocator, requests).measure(criterion, "a /12 99 % full, fragmented");
}

fn live(criterion: &mut Criterion) {
    for (count, name) in [(100_000, "100,000 live"), (1_000_000, "1,000,000 live")] {
        let requests: Vec<_> = (0..count).map(plain).collect();
        let allocator = filled(one_pool("10.0.0.0/8"), &requests).expect("it fits");
        Churn::new(allocator, requests).measure(criterion, &format!("{name}, plain"));

        let requests: Vec<_> = (0..count).map(sharing).collect();
        let allocator = filled(one_pool("10.0.0.0/8"), &requests).expect("it fits");
        Churn::new(allocator, requests).measure(criterion, &format!("{name}, ten to an address"));
    }
}

fn whole(criterion: &mut Criterion) {
    let requests: Vec<_> = (0..100_000).map(plain).collect();
    let allocator = filled(one_pool("10.0.0.0/8"), &requests).expect("it fits");
    let held: Vec<_> = requests
        .iter()
        .filter_map(|request| Some(allocator.assignment(&request.owner)?.addresses))
        .collect();
    let mut group = criterion.benchmark_group("100,000 at once");
    group.sample_size(10);
    group.bench_function("restore", |bencher| {
        bencher.iter_batched(
            || Allocator::new(one_pool("10.0.0.0/8")),
            |mut allocator| {
                for (request, held) in requests.iter().zip(&held) {
                    black_box(allocator.restore(request, held));
                }
                allocator
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("reconfigure, nothing lost", |bencher| {
        bencher.iter_batched(
            || (allocator.clone(), one_pool("10.0.0.0/9")),
            |(mut allocator, pools)| {
                assert!(allocator.reconfigure(pools).is_empty());
                allocator
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("what_if of nothing", |bencher| {
        bencher.iter(|| allocator.what_if(|copy| copy.len()));
    });
    group.bench_function("snapshot", |bencher| bencher.iter(|| allocator.snapshot()));
    group.finish();
}

criterion_group!(benches, fill_16, fragmented_12, live, whole);
criterion_main!(benches);
