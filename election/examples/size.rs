//! What a beacon election costs: `cargo run --release -p vipcast-election --example size 1000 1000`.

#[path = "../tests/beacon/crowd.rs"]
mod crowd;
mod processor;

use std::time::Duration;

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<u16>().expect("a number"));
    let (nodes, addresses) = (args.next().unwrap_or(50), args.next().unwrap_or(1_000));
    let began = processor::time();
    let mut crowd = crowd::Crowd::new(usize::from(nodes), addresses, 0);
    crowd.run_for(Duration::from_secs(3));
    println!("start, 3 s: {}", crowd.report(3));
    let started = processor::time();
    println!("  {:?} of processor time a second and node", (started - began) / 3 / nodes.into());
    let loads = crowd.loads();
    println!(
        "loads: at most {}, {} held",
        loads.iter().max().unwrap_or(&0),
        loads.iter().sum::<usize>()
    );
    crowd.forget_counts();
    let began = processor::time();
    crowd.run_for(Duration::from_secs(5));
    println!("steady, 5 s: {}", crowd.report(5));
    let worked = processor::time() - began;
    println!("  {:?} of processor time a second and node", worked / 5 / nodes.into());
}
