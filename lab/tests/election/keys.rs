use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt};

use vipcast_lab::{Probe, harness::TestResult};

use crate::common::{LIMIT, VIP, cluster, key_file, page, wait_for_all};

const KEY: &str = "key 1 0123456789abcdef0123456789abcdef\n";
const OTHER: &str = "key 1 fedcba9876543210fedcba9876543210\n";

pub(crate) fn a_wrong_key_is_refused() -> TestResult {
    let dir = tempfile::tempdir()?;
    let keys = key_file(dir.path(), "keys", KEY)?;
    let mut cluster = cluster("wrong key", 2, &["--key-file", &keys.to_string_lossy()])?;
    wait_for_all(&cluster, "node-a")?;
    cluster.process("node-b").terminate()?;
    cluster.process("node-b").wait(LIMIT)?;
    let wrong = key_file(dir.path(), "wrong", OTHER)?;
    let mut command = cluster.plain_command("node-b");
    command.arg("--state").arg(cluster.own_state("node-b")).arg("--key-file").arg(&wrong);
    command.args(["--founders", "node-a,node-b"]);
    cluster.start_command("node-b", command)?;
    let refused =
        "a beacon on 172.18.0.0/16 is refused: its signature is wrong: compare the key files";
    let seen = cluster.process("node-a").lines().len();
    for node in ["node-a", "node-b"] {
        cluster.process(node).wait_for_line(refused, LIMIT)?;
    }
    key_file(dir.path(), "wrong", KEY)?;
    cluster.process("node-b").wait_for_line("the keys are used from now on", LIMIT)?;
    let healed = format!("no longer so: {refused}");
    cluster.process("node-a").wait_for_line_after(seen, &healed, LIMIT)?;
    cluster.process("node-a").wait_for_line_after(seen, "node-b is heard", LIMIT)?;
    cluster.wait_for_page(&page(VIP))?;
    let secret = KEY.trim().rsplit(' ').next().ok_or("no key")?;
    let said = cluster.process("node-a").output() + &cluster.process("node-b").output();
    assert!(!said.contains(secret), "a secret was printed");
    Ok(())
}

/// From no key to enforced ones, then to another key, with a probe each millisecond all the while.
pub(crate) fn keys_are_changed_without_an_outage() -> TestResult {
    let dir = tempfile::tempdir()?;
    let keys = key_file(dir.path(), "keys", &format!("{KEY}mode receive-only\n"))?;
    let keys_arg = keys.to_string_lossy();
    let cluster = cluster("rotation", 3, &["--key-file", &keys_arg, "--beacon-interval", "1s"])?;
    let owner = cluster.wait_for_page(&page(VIP))?;
    wait_for_all(&cluster, &owner)?;
    let probing = Probe::udp(SocketAddr::new(VIP.into(), 80)).start(&cluster.net.client)?;
    probing.wait_for_answer_by(&owner, LIMIT)?;
    let second = "key 2 fedcba9876543210fedcba9876543210\n";
    let steps = [
        format!("{KEY}mode permissive\n"),
        format!("{KEY}mode enforce\n"),
        format!("{KEY}{second}sign 1\n"),
        format!("{KEY}{second}sign 2\n"),
        second.to_owned(),
    ];
    for step in &steps {
        let nodes = cluster.net.nodes.iter().map(|node| node.name());
        let seen: Vec<_> = nodes.map(|node| (node, cluster.process(node).lines().len())).collect();
        key_file(dir.path(), "keys", step)?;
        for (node, seen) in seen {
            let used = "the keys are used from now on";
            cluster.process(node).wait_for_line_after(seen, used, LIMIT)?;
        }
    }
    let answered = probing.report().answered();
    probing.wait_for_answers(answered + 1_000, LIMIT)?;
    let report = probing.stop();
    assert_eq!(report.lost(), 0, "{report}");
    let reigns = report.reigns();
    assert_eq!(reigns.len(), 1, "{reigns:?}");
    Ok(())
}

pub(crate) fn a_public_key_file_is_refused() -> TestResult {
    let dir = tempfile::tempdir()?;
    let keys = key_file(dir.path(), "keys", KEY)?;
    let mut cluster = cluster("public key", 1, &["--key-file", &keys.to_string_lossy()])?;
    cluster.process("node-a").terminate()?;
    cluster.process("node-a").wait(LIMIT)?;
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o644))?;
    cluster.start_node("node-a")?;
    let process = cluster.process("node-a");
    process.wait_for_line("can be used by everybody (mode 644): `chmod o= ", LIMIT)?;
    assert_eq!(process.wait(LIMIT)?.code(), Some(1));
    Ok(())
}

pub(crate) fn a_foreign_beacon_is_an_alarm() -> TestResult {
    let mut cluster = cluster("foreign", 2, &["--insecure"])?;
    wait_for_all(&cluster, "node-a")?;
    cluster.process("node-b").terminate()?;
    cluster.process("node-b").wait(LIMIT)?;
    let mut alone = cluster.plain_command("node-b");
    alone.arg("--state").arg(cluster.own_state("node-b"));
    cluster.start_command("node-b", alone)?;
    let process = cluster.process("node-b");
    let alarm = "OTHER NODES ELECT ON 172.18.0.0/16, and this one takes no part";
    let line = process.wait_for_line(alarm, LIMIT)?;
    assert!(line.text.contains("(node-a from 172.18.1.1)"), "{}", line.text);
    cluster.process("node-a").kill()?;
    process.wait_for_line(&format!("no longer so: {alarm}"), LIMIT)?;
    Ok(())
}
