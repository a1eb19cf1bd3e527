//! Builds a small network, uses it, breaks it, and prints what it sees.
//!
//! Run it as any user: `cargo run -p vipcast-lab --example look_around`

use std::{error::Error, time::Duration};

use vipcast_lab::{Probe, Topology, enter};

fn main() -> Result<(), Box<dyn Error>> {
    enter()?;
    let limit = Duration::from_secs(10);
    let net = Topology::new("look around", 3)?;
    for node in &net.nodes {
        println!("{} has {} at {}", node.name(), node.mac("eth0")?, node.ipv4);
    }

    let capture = net.lab.capture(&net.lan)?;
    let server = net.nodes[0].serve_name(80)?;
    let page = net.outside_client.fetch("http://172.18.1.1/")?;
    println!("through the router: {} {}", page.status, page.body.trim());

    let probing = Probe::udp("172.18.1.1:80".parse()?).start(&net.client)?;
    probing.wait_for_answers(100, limit)?;
    net.nodes[0].port.cut()?;
    probing.wait_for_losses(100, limit)?;
    println!("cut off, its carrier is still {}", net.nodes[0].carrier("eth0")?);
    net.nodes[0].port.heal()?;
    probing.wait_for_answers(100, limit)?;
    println!("{}", probing.stop());
    drop(server);

    println!("the client knows {:?}", net.client.neighbour(net.nodes[0].ipv4)?);
    let caught = capture.stop()?;
    println!("{} frames, {} lost", caught.frames.len(), caught.dropped);
    for arp in caught.frames.iter().filter_map(|frame| frame.arp()).take(4) {
        println!("  {} asks or tells {}: op {}", arp.spa, arp.tpa, arp.op);
    }
    Ok(())
}
