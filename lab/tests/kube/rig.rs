//! The rig itself: is what the other tests stand on a cluster?

use std::{collections::BTreeSet, process::Command};

use serde_json::{Value, json};
use vipcast_lab::{
    Topology,
    harness::{Test, TestResult, test},
    kube::{Image, KubeCluster, KubeOptions, Root, SERVICES, create_pages, granted},
    vipcast,
};

use crate::support::{LIMIT, create_service, eventually, fetch, workspace};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "a page is served from a pod through the rules of kube-proxy",
            a_page_through_kube_proxy,
        )
        .needs_tool("nft")
        .needs_root(),
        test(
            "a process has what its pod's template says, and no more",
            a_process_as_its_template_says,
        )
        .needs_root(),
        test(
            "the image's program runs in a root folder that has nothing beside it",
            the_program_runs_alone,
        )
        .needs_root(),
        test("the rights of a role are read", the_rights_of_a_role_are_read),
    ]
}

const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

/// The endpoints of a service that are ready.
fn ready_endpoints(
    cluster: &KubeCluster,
    service: &str,
) -> Result<usize, Box<dyn std::error::Error>> {
    let slices = cluster
        .api()
        .list(&format!("{SLICES}?labelSelector=kubernetes.io/service-name%3D{service}"))?;
    let endpoints = slices.iter().filter(|slice| slice["addressType"] == "IPv4");
    let endpoints = endpoints.filter_map(|slice| slice["endpoints"].as_array()).flatten();
    Ok(endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true).count())
}

fn a_page_through_kube_proxy() -> TestResult {
    let cluster = KubeCluster::start("rig", KubeOptions::default())?;
    let names = create_pages(&cluster, 3)?;
    let spec = json!({"type": "LoadBalancer", "ipFamilyPolicy": "RequireDualStack", "externalTrafficPolicy": "Local"});
    let service = create_service(&cluster, "nginx", &spec)?;
    let addresses: Vec<String> = serde_json::from_value(service["spec"]["clusterIPs"].clone())?;
    assert_eq!(addresses.len(), 2, "{service:#}");
    for node in &cluster.net.nodes {
        for address in &addresses {
            let page = fetch(node, address, "")?;
            assert!(names.contains(&page), "{page} from {address}");
        }
    }

    // An address from outside the nodes, as a load balancer would give it: with the policy Local, the
    // pod on the node itself answers, and sees who asks.
    let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": "172.18.0.10"}, {"ip": "fd18::1:1"}]}}});
    cluster.api().merge(&format!("{SERVICES}/nginx/status"), &status)?;
    let client = &cluster.net.client;
    for node in &cluster.net.nodes {
        client.add_route("172.18.0.10/32", &node.ipv4.to_string())?;
        client.add_route("fd18::1:1/128", &node.ipv6.to_string())?;
        for (address, own) in [("172.18.0.10", client.ipv4), ("fd18::1:1", client.ipv6)] {
            let page = fetch(client, address, "")?;
            assert_eq!(cluster.node_of_pod("default", &page).as_deref(), Some(node.name()));
            assert_eq!(fetch(client, address, "client")?, own.to_string());
        }
    }

    // A node that says nothing any more is dead, and so are its endpoints.
    assert_eq!(ready_endpoints(&cluster, "nginx")?, 3);
    cluster.kill_node("node-c")?;
    cluster.api().wait_for("/api/v1/nodes/node-c", LIMIT, "a node that is not ready", |node| {
        let conditions = node["status"]["conditions"].as_array();
        conditions.is_some_and(|all| {
            all.iter().any(|one| one["type"] == "Ready" && one["status"] != "True")
        })
    })?;
    eventually("two endpoints", || match ready_endpoints(&cluster, "nginx")? {
        2 => Ok(()),
        count => Err(format!("{count} endpoints are ready").into()),
    })?;
    cluster.revive_node("node-c")?;
    eventually("three endpoints", || match ready_endpoints(&cluster, "nginx")? {
        3 => Ok(()),
        count => Err(format!("{count} endpoints are ready").into()),
    })
}

/// Says who it is, with what a shell has built in, and stays.
const SCRIPT: &str = r#"
echo "args $0 $1"
echo "node $NODE pod $POD at $ADDRESS"
while read -r line; do echo "status $line"; done < /proc/self/status
read -r namespace < /var/run/secrets/kubernetes.io/serviceaccount/namespace
echo "namespace $namespace"
read -r token < /var/run/secrets/kubernetes.io/serviceaccount/token
echo "token $token"
if echo x > /file; then echo "root can be written"; else echo "root is read-only"; fi
if [ -e /home ]; then echo "the machine can be seen"; else echo "alone"; fi
echo end
"#;

fn a_process_as_its_template_says() -> TestResult {
    let mut image = Image::default();
    image.files = vec![("/bin/sh".into(), "/vipcast".into())];
    image.user = (65532, 65532);
    image.entrypoint = vec!["/vipcast".to_owned()];
    let mut options = KubeOptions::default();
    (options.nodes, options.proxies, options.image) = (1, false, Some(image));
    let cluster = KubeCluster::start("template", options)?;
    let field = |path: &str| json!({"fieldRef": {"fieldPath": path}});
    let pod = json!({
        "metadata": {"name": "shell"},
        "spec": {
            "containers": [{
                "name": "shell",
                "image": "registry.example/vipcast:1",
                "args": ["-c", SCRIPT, "$(NODE)", "second"],
                "env": [
                    {"name": "NODE", "valueFrom": field("spec.nodeName")},
                    {"name": "POD", "valueFrom": field("metadata.name")},
                    {"name": "ADDRESS", "valueFrom": field("status.podIP")},
                ],
                "securityContext": {
                    "readOnlyRootFilesystem": true,
                    "allowPrivilegeEscalation": false,
                    "runAsNonRoot": true,
                    "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]},
                },
            }],
        },
    });
    cluster.api().wait_for(
        "/api/v1/namespaces/default/serviceaccounts/default",
        LIMIT,
        "the account",
        |account| account.is_object(),
    )?;
    cluster.api().create("/api/v1/namespaces/default/pods", &pod)?;
    let process = eventually("its process", || Ok(cluster.process("default", "shell")?))?;
    process.wait_for_line("end", LIMIT)?;
    let output = process.output();
    let lines: BTreeSet<&str> = output.lines().collect();
    for expected in [
        "args node-a second",
        "node node-a pod shell at 10.244.1.10",
        "status Uid:\t65532\t65532\t65532\t65532",
        "status Gid:\t65532\t65532\t65532\t65532",
        // Of capabilities a user other than root has none; NET_RAW, number 13, is what could be had.
        "status CapEff:\t0000000000000000",
        "status CapBnd:\t0000000000002000",
        "status NoNewPrivs:\t1",
        "namespace default",
        "root is read-only",
        "alone",
    ] {
        assert!(lines.contains(expected), "`{expected}` is not in\n{output}");
    }

    // The token is one that the API server knows, and has no rights; both are written down.
    let token = output.lines().find_map(|line| line.strip_prefix("token ")).ok_or("no token")?;
    let account = cluster.api().with_token(token)?;
    assert_eq!(account.list("/api/v1/services").err().and_then(|error| error.status()), Some(403));
    let call = eventually("the call to be written down", || {
        let mut calls = cluster.audit().calls()?.into_iter();
        let call = calls.find(|call| call.right() == "list services" && call.answer.is_some());
        Ok(call.ok_or("it is not")?)
    })?;
    assert!(call.forbidden() && call.user == "system:serviceaccount:default:default", "{call:?}");
    Ok(())
}

fn the_program_runs_alone() -> TestResult {
    let program = vipcast()?;
    let image = Image::read(&workspace()?.join("deploy/Dockerfile"), &program)?;
    assert!(
        image.is_static()?,
        "{} needs shared libraries: `cargo xtask image` builds what the image holds; name it in VIPCAST_BIN",
        program.display()
    );
    let net = Topology::new("image", 1)?;
    let mut command = Command::new(&image.entrypoint[0]);
    command.arg("crds").env_clear();
    let process = Root::bare(image).spawn(&net.nodes[0], &net.lab.dir().join("image"), command)?;
    assert!(process.wait(LIMIT)?.success(), "{}", process.output());
    let inside = process.output();
    assert!(inside.contains("ipaddresspools.metallb.io"), "{inside}");
    Ok(())
}

fn the_rights_of_a_role_are_read() -> TestResult {
    let rules: Value = json!([
        {"apiGroups": [""], "resources": ["services", "services/status"], "verbs": ["get", "patch"]},
        {"apiGroups": ["metallb.io"], "resources": ["ipaddresspools"], "verbs": ["list"]},
    ]);
    let expected = [
        "get services",
        "get services/status",
        "list metallb.io/ipaddresspools",
        "patch services",
        "patch services/status",
    ];
    assert!(granted(&rules).iter().eq(expected.iter()));
    Ok(())
}
