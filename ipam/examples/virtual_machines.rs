//! Addresses for virtual machines: one pool for each tenant's network, a quota, a gateway that is spared, and machines that
//! keep their address when they are rebuilt.
//!
//! `cargo run -p vipcast-ipam --example virtual_machines`

use std::error::Error;

use vipcast_ipam::{Allocator, Families, Family, Owner, Pool, Pools, Request, Selection};

/// How long a destroyed machine may be gone and still find its address: here in minutes.
const REBUILD_TIME: u64 = 30;

fn main() -> Result<(), Box<dyn Error>> {
    let tenant =
        |name: &str| Selection { namespaces: [name.to_owned()].into(), ..Selection::default() };
    let red = Pool::builder("net-red")
        .range("10.20.0.0/24".parse()?)
        .range("fd20::/64".parse()?)
        .spare_network_and_broadcast(true)
        .exclude("10.20.0.1".parse()?) // the gateway
        .reserve("10.20.0.53".parse()?, Owner::new("red", "dns"))
        .selection(tenant("red"))
        .retention(REBUILD_TIME)
        .quota(4)
        .build()?;
    let blue = Pool::builder("net-blue")
        .range("10.30.0.0/24".parse()?)
        .selection(tenant("blue"))
        .build()?;
    let mut allocator = Allocator::new(Pools::new(vec![red, blue])?);

    let machine =
        |tenant: &str, name: &str, families| Request::new(Owner::new(tenant, name), families);
    let four = Families::Single(Family::V4);
    for request in [
        machine("red", "web", Families::RequireDual),
        machine("red", "dns", four),
        machine("blue", "web", four),
    ] {
        let assignment = allocator.allocate(&request)?;
        println!("{}: {:?} from {}", request.owner, assignment.addresses, assignment.pool());
    }

    // The machine is rebuilt: while it is gone nobody gets its address.
    let web = machine("red", "web", Families::RequireDual);
    let before = allocator.release(&web.owner);
    allocator.advance(REBUILD_TIME - 1);
    let other = allocator.allocate(&machine("red", "batch", four))?;
    println!("red/batch: {:?}", other.addresses);
    let after = allocator.allocate(&web)?;
    assert_eq!(before, Some(after));

    // The fifth address of the tenant is one too many, and the refusal says so.
    match allocator.allocate(&machine("red", "extra", four)) {
        Ok(assignment) => println!("red/extra: {:?}", assignment.addresses),
        Err(refusal) => println!("red/extra: {refusal}"),
    }

    // Before a network is taken away: who would be hit?
    let left = allocator.pools().iter().filter(|pool| pool.name() != "net-blue");
    let left = Pools::new(left.cloned().collect())?;
    let (_, differences) = allocator.what_if(|copy| copy.reconfigure(left));
    for difference in differences {
        println!("without net-blue, {} would lose its address", difference.owner);
    }
    Ok(())
}
