//! What the tests share.

use std::{
    error,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use vipcast_lab::{
    Host,
    harness::TestResult,
    kube::{Installed, KubeCluster, SERVICES},
    vipcast,
};

pub(crate) use vipcast_lab::harness::LIMIT;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn error::Error>>;

/// The root of the workspace: tests run in their package's folder.
pub(crate) fn workspace() -> Outcome<PathBuf> {
    Ok(std::fs::canonicalize("..")?)
}

/// Calls `attempt` until it succeeds.
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if start.elapsed() > LIMIT => {
                return Err(format!("waited {LIMIT:?} in vain for {what}: {error}").into());
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// A cluster with what `deploy` installs.
pub(crate) fn install(name: &str, nodes: u8, proxies: bool) -> Outcome<Installed> {
    Ok(Installed::start(name, nodes, proxies, &workspace()?.join("deploy"), &vipcast()?)?)
}

/// A service before those pods: `spec` is added to what all have.
pub(crate) fn create_service(cluster: &KubeCluster, name: &str, spec: &Value) -> Outcome<Value> {
    let mut whole =
        json!({"selector": {"app": "nginx"}, "ports": [{"port": 80, "targetPort": 80}]});
    for (field, value) in spec.as_object().into_iter().flatten() {
        whole[field] = value.clone();
    }
    Ok(cluster.api().create(SERVICES, &json!({"metadata": {"name": name}, "spec": whole}))?)
}

/// The page at an address of either family.
pub(crate) fn url(address: &str, path: &str) -> String {
    if address.contains(':') {
        format!("http://[{address}]/{path}")
    } else {
        format!("http://{address}/{path}")
    }
}

/// Fetches a page until it comes.
pub(crate) fn fetch(host: &Host, address: &str, path: &str) -> Outcome<String> {
    let url = url(address, path);
    eventually(&format!("{url} from {}", host.name()), || {
        Ok(host.fetch_within(&url, Duration::from_secs(2))?.body.trim().to_owned())
    })
}

/// Runs a command of nftables on a host.
pub(crate) fn nft(host: &Host, command: &str) -> TestResult {
    let mut nft = Command::new("nft");
    nft.arg(command);
    let process = host.spawn(nft)?;
    assert!(process.wait(LIMIT)?.success(), "{}", process.output());
    Ok(())
}
