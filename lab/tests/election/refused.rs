use std::fs;

use vipcast_lab::harness::{TestResult, tool};

use crate::common::{LIMIT, STEADY, VIP, cluster, page, wait_for_all};

/// A process that is stopped between two looks at the clock sends the rest of one batch.
const BATCH: usize = 32;

/// The owner's own firewall lets none of its beacons out, and all else.
pub(crate) fn who_cannot_send_beacons_is_silent_first() -> TestResult {
    let cluster = cluster("refused", 3, &STEADY)?;
    let owner = cluster.wait_for_page(&page(VIP))?;
    wait_for_all(&cluster, &owner)?;
    let capture = cluster.net.lab.capture(&cluster.net.lan)?;
    let rules = cluster.net.lab.dir().join("refuse.nft");
    fs::write(
        &rules,
        "add table inet refuse\nadd chain inet refuse out { type filter hook output priority 0; }\n\
         add rule inet refuse out udp dport 7947 drop\n",
    )?;
    let mut nft = tool("nft");
    nft.arg("-f").arg(&rules);
    let nft = cluster.node(&owner)?.spawn(nft)?;
    assert!(nft.wait(LIMIT)?.success(), "{}", nft.output());
    cluster.process(&owner).wait_for_line("beacons cannot be sent on eth0", LIMIT)?;
    cluster.process(&owner).wait_for_line(&format!("silent about {VIP}"), LIMIT)?;
    cluster.net.client.flush_neighbours()?;
    let successor = cluster.wait_for_page(&page(VIP))?;
    assert_ne!(successor, owner);
    let caught = capture.stop()?;
    let (before, after) =
        (cluster.node(&owner)?.mac("eth0")?, cluster.node(&successor)?.mac("eth0")?);
    let said = caught.arps().filter(|(_, arp)| arp.spa == VIP);
    let since = said.skip_while(|(_, arp)| arp.sha != after);
    let late: Vec<_> = since.filter(|(_, arp)| arp.sha == before).collect();
    assert!(late.len() <= BATCH, "two owners: {late:?}");
    Ok(())
}
