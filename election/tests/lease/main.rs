//! One record in a store far away, in virtual time: late, lost and doubled requests, nodes that pause
//! and die, clocks of different rates.

mod world;

use std::time::Duration;

use vipcast_sim::{Bounds, Exploration, Network};

use world::{Host, SETTLED, build, holders, never_two};

/// Never two tenures at one moment, whatever goes wrong but the clocks: they stay within the bound.
#[test]
fn there_are_never_two_holders_and_there_is_one_again_in_the_end() {
    Exploration::seeds(0..400)
        .bounds(Bounds {
            until: Duration::from_secs(150),
            most_faults: 12,
            longest: Duration::from_secs(40),
            cuts: 3,
            partitions: 1,
            degradations: 2,
            pauses: 3,
            stalls: 1,
            crashes: 2,
            drifts: 1,
            ..Bounds::none()
        })
        .run(
            |seed| build(seed, 3),
            |net: &mut Network<Host>| {
                never_two(net, Duration::from_secs(160))?;
                net.run_for(SETTLED);
                match holders(net) {
                    1 => Ok(()),
                    count => Err(format!("{count} holders after all faults")),
                }
            },
        );
}
