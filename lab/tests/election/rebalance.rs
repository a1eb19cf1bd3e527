use std::{collections::BTreeMap, env, net::SocketAddr, thread, time::Duration};

use vipcast_lab::{Cluster, Probe, Probing, harness::TestResult};

use crate::common::{LIMIT, PAGES, STEADY, cluster, servers, wait_for_all};

/// An address moves only after a minute at rest, which is too long for each run of the tests.
pub(crate) fn is_asked_for() -> bool {
    env::var_os("VIPCAST_LAB_LONG").is_some()
}

/// Who comes late gets its share, and none of the probes of any address is lost.
pub(crate) fn a_join_gets_its_share() -> TestResult {
    let mut cluster = cluster("rebalance", 3, &[&STEADY[..], &["--rebalance"]].concat())?;
    servers(&cluster)?;
    cluster.process("node-c").terminate()?;
    assert_eq!(cluster.process("node-c").wait(LIMIT)?.code(), Some(0));
    assert!(loads(&cluster)?.len() <= 2);
    cluster.start_node("node-c")?;
    wait_for_all(&cluster, "node-c")?;
    let probings = PAGES.map(|address| -> Result<Probing, Box<dyn std::error::Error>> {
        let target = SocketAddr::new(address.parse()?, 80);
        Ok(Probe::udp(target).every(Duration::from_millis(2)).start(&cluster.net.client)?)
    });
    let probings = probings.into_iter().collect::<Result<Vec<_>, _>>()?;
    for probing in &probings {
        probing.wait_for_answers(100, LIMIT)?;
    }
    let start = std::time::Instant::now();
    loop {
        let loads = loads(&cluster)?;
        let least = if loads.len() < 3 { 0 } else { loads.values().copied().min().unwrap_or(0) };
        let most = loads.values().copied().max().unwrap_or(0);
        if most - least <= 1 {
            break;
        }
        if start.elapsed() > Duration::from_secs(300) {
            return Err(format!("it stayed {loads:?}").into());
        }
        thread::sleep(Duration::from_secs(1));
    }
    for probing in &probings {
        probing.wait_for_answers(200, LIMIT)?;
    }
    for probing in probings {
        let report = probing.stop();
        assert_eq!(report.lost(), 0, "{report}");
    }
    Ok(())
}

/// How many addresses each node serves.
fn loads(cluster: &Cluster) -> Result<BTreeMap<String, usize>, Box<dyn std::error::Error>> {
    let mut loads = BTreeMap::new();
    for server in servers(cluster)? {
        *loads.entry(server).or_default() += 1;
    }
    Ok(loads)
}
