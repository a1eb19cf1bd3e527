//! The allocator of addresses at sizes at which the incumbents need seconds to minutes.

#![allow(missing_docs, reason = "criterion's macros make the items")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::{
    collections::VecDeque,
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use vipcast_benches::ipam::{Random, filled, one_pool, plain, read, sharing};
use vipcast_ipam::{Allocator, Request};

/// A world with many assignments, of which one owner in a hundred is away: a random one leaves, and who left longest ago
/// comes back.
struct Churn {
    allocator: Allocator,
    live: Vec<Request>,
    away: VecDeque<Request>,
    random: Random,
}

impl Churn {
    /// One request in a hundred is released, all of which are met.
    fn new(mut allocator: Allocator, mut requests: Vec<Request>) -> Self {
        let mut random = Random::new(42);
        random.shuffle(&mut requests);
        let away = requests.split_off(requests.len() - requests.len() / 100);
        for request in &away {
            allocator.release(&request.owner);
        }
        Self { allocator, live: requests, away: away.into(), random }
    }

    /// One owner leaves and another comes back. Times are of the calls alone.
    ///
    /// Whoever calls has the request in his hands and has just read it, here as well: that this has to come from a memory
    /// of a million requests is no work of the allocator, whose own memory is as cold as a random owner's is.
    fn step(&mut self) -> (Duration, Duration) {
        let one = self.random.below(self.live.len());
        black_box(read(&self.live[one]));
        let start = Instant::now();
        black_box(self.allocator.release(&self.live[one].owner));
        let release = start.elapsed();

        let back = self.away.pop_front().expect("one in a hundred is away");
        black_box(read(&back));
        let start = Instant::now();
        let answer = black_box(self.allocator.allocate(&back));
        let allocate = start.elapsed();
        answer.expect("an address is free");
        self.away.push_back(std::mem::replace(&mut self.live[one], back));
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
    let requests: Vec<_> = (0..1 << 20).map(plain).collect();
    let allocator = filled(one_pool("10.0.0.0/12"), &requests).expect("it fits exactly");
    Churn::new(allocator, requests).measure(criterion, "a /12 99 % full, fragmented");
}

fn live(criterion: &mut Criterion) {
    for (count, name) in [(100_000, "100,000 live"), (1_000_000, "1,000,000 live")] {
        let all = count + count / 99;
        let requests: Vec<_> = (0..all).map(plain).collect();
        let allocator = filled(one_pool("10.0.0.0/8"), &requests).expect("it fits");
        Churn::new(allocator, requests).measure(criterion, &format!("{name}, plain"));

        let requests: Vec<_> = (0..all).map(sharing).collect();
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
