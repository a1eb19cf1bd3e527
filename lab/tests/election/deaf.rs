use std::{
    net::Ipv4Addr,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use vipcast_lab::{Cluster, Frame, Mac, Topology, harness::TestResult, vipcast};

use crate::{
    common::{PAGES, page},
    who_has::wait_until_told,
};

/// For so long a new claim is announced (RFC 5227 §2.3: twice, two seconds apart), and a bit.
const ANNOUNCED: Duration = Duration::from_millis(2_500);
/// It takes three seconds. What is announced again each minute would settle it, too.
const SOON: Duration = Duration::from_secs(45);

/// It takes the others for dead, and announces what they hold to clients that believe it. They have
/// the last word.
pub(crate) fn who_hears_nobody_takes_no_client() -> TestResult {
    let net = Topology::new("deaf", 3)?;
    let capture = net.lab.capture(&net.lan)?;
    let manifests = Path::new("../examples/quickstart");
    let cluster = Cluster::elect(net, &vipcast()?, manifests, &["--insecure"])?;
    let addresses: Vec<Ipv4Addr> = PAGES.iter().filter_map(|page| page.parse().ok()).collect();
    let mut holders = Vec::new();
    for address in &addresses {
        holders.push(cluster.wait_for_page(&page(*address))?);
    }
    // One that holds less than all.
    let deaf = cluster.net.nodes.iter().find(|node| node.name() != holders[0]).ok_or("nobody")?;
    let mac = deaf.mac("eth0")?;
    for address in &addresses {
        wait_until_told(&cluster, deaf.name(), *address, "\"holder\":")?;
    }
    deaf.port.cut_in()?;
    for address in &addresses {
        cluster.wait_until_holding(deaf.name(), (*address).into(), true)?;
    }
    let start = Instant::now();
    loop {
        let frames = capture.frames();
        if addresses.iter().all(|address| is_settled(&frames, *address, mac)) {
            break;
        }
        if start.elapsed() > SOON {
            let last: Vec<_> = addresses.iter().map(|at| said(&frames, *at).last()).collect();
            return Err(format!("{mac} is deaf, and these words were the last: {last:?}").into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    for address in addresses {
        assert_ne!(cluster.wait_for_page(&page(address))?, deaf.name(), "{address}");
    }
    Ok(())
}

/// When the address was announced, and by whom.
fn said(frames: &[Frame], address: Ipv4Addr) -> impl DoubleEndedIterator<Item = (Instant, Mac)> {
    frames.iter().filter_map(move |frame| {
        let arp = frame.arp().filter(|arp| arp.spa == address && arp.is_gratuitous())?;
        Some((frame.at, arp.eth_src))
    })
}

/// The deaf one has announced the address as often as it does, and another after it.
fn is_settled(frames: &[Frame], address: Ipv4Addr, deaf: Mac) -> bool {
    let by_deaf = said(frames, address).rev().find(|(_, by)| *by == deaf);
    let over = by_deaf.is_some_and(|(at, _)| at.elapsed() > ANNOUNCED);
    over && said(frames, address).last().is_some_and(|(_, by)| by != deaf)
}
