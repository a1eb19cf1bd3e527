//! The rig itself: is what the other tests stand on a cluster?

use std::time::Duration;

use serde_json::{Value, json};
use vipcast_lab::{
    harness::{Test, TestResult, test},
    kube::{KubeCluster, KubeOptions},
};

const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "a page is served from a pod through the rules of kube-proxy",
            a_page_through_kube_proxy,
        )
        .needs_tool("nft")
        .needs_root(),
    ]
}

/// A Deployment of so many pods that serve pages, and a Service before it.
fn pages(
    cluster: &KubeCluster,
    count: u64,
    spec: &Value,
) -> Result<Value, Box<dyn std::error::Error>> {
    cluster.api().create(
        "/apis/apps/v1/namespaces/default/deployments",
        &json!({
            "metadata": {"name": "pages"},
            "spec": {
                "replicas": count,
                "selector": {"matchLabels": {"app": "pages"}},
                "template": {
                    "metadata": {"labels": {"app": "pages"}},
                    "spec": {"containers": [{"name": "nginx", "image": "nginx:1", "ports": [{"containerPort": 80}]}]},
                },
            },
        }),
    )?;
    Ok(cluster.api().create(
        "/api/v1/namespaces/default/services",
        &json!({"metadata": {"name": "pages"}, "spec": spec}),
    )?)
}

fn a_page_through_kube_proxy() -> TestResult {
    let cluster = KubeCluster::start("rig", KubeOptions::default())?;
    let spec = json!({
        "selector": {"app": "pages"},
        "ports": [{"port": 80}],
        "ipFamilyPolicy": "RequireDualStack",
    });
    let service = pages(&cluster, 3, &spec)?;
    let addresses: Vec<String> = serde_json::from_value(service["spec"]["clusterIPs"].clone())?;
    assert_eq!(addresses.len(), 2, "{service:#}");
    let names = cluster.wait_for_pods("default", "app=pages", 3)?;
    let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    for slice in cluster.api().list(slices)?.iter().filter(|slice| {
        slice["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("pages"))
    }) {
        let path = format!("{slices}/{}", slice["metadata"]["name"].as_str().unwrap_or_default());
        cluster.api().wait_for(&path, LIMIT, "three ready endpoints", |slice| {
            let endpoints = slice["endpoints"].as_array();
            endpoints.is_some_and(|all| {
                all.iter().filter(|one| one["conditions"]["ready"] == true).count() == 3
            })
        })?;
    }
    for node in &cluster.net.nodes {
        for address in &addresses {
            let url = if address.contains(':') {
                format!("http://[{address}]/")
            } else {
                format!("http://{address}/")
            };
            let start = std::time::Instant::now();
            let page = loop {
                match node.fetch(&url) {
                    Ok(page) => break page,
                    Err(error) if start.elapsed() > LIMIT => {
                        return Err(format!(
                            "{url} from {}: {error}\n{}",
                            node.name(),
                            cluster.proxy_output(node.name())?
                        )
                        .into());
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(50)),
                }
            };
            assert!(names.contains(&page.body.trim().to_owned()), "{page:?}");
        }
    }
    Ok(())
}
