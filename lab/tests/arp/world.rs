use std::{
    error::Error,
    fmt::Write as _,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    process::Command,
};

use vipcast_lab::{Mac, Node, Process, Topology, harness, vipcast};

pub(crate) use vipcast_lab::harness::LIMIT;

pub(crate) const VIP: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 10);
pub(crate) const VIP6: Ipv6Addr = Ipv6Addr::new(0xfd18, 0, 0, 0, 0, 0, 1, 0x10);
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 18, 255, 254);

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Nodes with a folder of manifests of the test's own.
pub(crate) struct Lan {
    pub(crate) net: Topology,
    manifests: PathBuf,
}

const POOL: &str = "\
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: all, namespace: metallb-system}
spec:
  addresses: [172.18.0.0/24, 172.18.64.0/18, 'fd18::1:0/112']
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: all, namespace: metallb-system}
";

impl Lan {
    pub(crate) fn new(name: &str, nodes: u8) -> Result<Self> {
        Self::on(Topology::new(name, nodes)?)
    }

    pub(crate) fn on(net: Topology) -> Result<Self> {
        let manifests = net.lab.dir().join("manifests");
        fs::create_dir(&manifests)?;
        fs::write(manifests.join("pool.yaml"), POOL)?;
        Ok(Self { net, manifests })
    }

    /// Wants these addresses served, each by a service of its own.
    pub(crate) fn serve(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Result<()> {
        let mut text = String::new();
        for (number, address) in addresses.into_iter().enumerate() {
            let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
            write!(
                text,
                "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: s{number}\n  \
                 namespace: default\n  annotations: {{metallb.io/loadBalancerIPs: '{address}'}}\n\
                 spec:\n  type: LoadBalancer\n  ipFamilies: [{family}]\n  \
                 ports: [{{port: 80}}]\n"
            )?;
        }
        self.write("services.yaml", &text)
    }

    pub(crate) fn write(&self, file: &str, text: &str) -> Result<()> {
        let (new, file) = (self.net.lab.dir().join("new.yaml"), self.manifests.join(file));
        fs::write(&new, text)?;
        Ok(fs::rename(new, file)?)
    }

    /// These nodes live, and no others.
    pub(crate) fn set_alive(&self, nodes: &[&str]) -> Result<()> {
        let (new, file) = (self.net.lab.dir().join("alive.new"), self.alive());
        fs::write(&new, nodes.join("\n") + "\n")?;
        Ok(fs::rename(new, file)?)
    }

    fn alive(&self) -> PathBuf {
        self.net.lab.dir().join("alive")
    }

    pub(crate) fn node(&self, name: &str) -> Result<&Node> {
        let found = self.net.nodes.iter().find(|node| node.name() == name);
        found.ok_or_else(|| format!("no {name}").into())
    }

    pub(crate) fn mac(&self, name: &str) -> Result<Mac> {
        Ok(self.node(name)?.mac("eth0")?)
    }

    /// The state folder of all nodes.
    pub(crate) fn state(&self) -> PathBuf {
        self.net.lab.dir().join("state")
    }

    /// Runs vipcast on a node, and waits until it runs. It follows the list of the living where there
    /// is one.
    pub(crate) fn run(&self, name: &str, flags: &[&str]) -> Result<Process> {
        let mut command = Command::new(vipcast()?);
        command.arg("run").arg("--manifests").arg(&self.manifests).args(["--node", name]);
        command.arg("--state").arg(self.state()).args(flags);
        if self.alive().exists() {
            command.arg("--alive").arg(self.alive());
        }
        let process = self.node(name)?.spawn(command)?;
        process.wait_for_line(&format!("running as {name}"), LIMIT)?;
        Ok(process)
    }

    /// Runs keepalived on a node, alone in its group, with these addresses of both families.
    pub(crate) fn keepalived(&self, name: &str, addresses: &[IpAddr]) -> Result<Process> {
        let node = self.node(name)?;
        let mut text = "global_defs {\n  vrrp_version 3\n}\n".to_owned();
        for (family, id) in [("4", 51), ("6", 52)] {
            let of = addresses.iter().filter(|address| address.is_ipv4() == (family == "4"));
            // A group of IPv6 has to begin with a link-local address.
            let local = (family == "6").then_some("fe80::5252/64".to_owned());
            let lines: Vec<String> = local.into_iter().chain(of.map(IpAddr::to_string)).collect();
            write!(
                text,
                "vrrp_instance v{family} {{\n  state MASTER\n  interface eth0\n  \
                 virtual_router_id {id}\n  priority 200\n  advert_int 0.1\n  \
                 virtual_ipaddress {{\n    {}\n  }}\n}}\n",
                lines.join("\n    ")
            )?;
        }
        let file = |kind: &str| self.net.lab.dir().join(format!("{name}.{kind}"));
        fs::write(file("conf"), text)?;
        let mut command = harness::tool("keepalived");
        command.args(["--dont-fork", "--log-console", "--vrrp", "--use-file"]).arg(file("conf"));
        command.arg("--pid").arg(file("pid")).arg("--vrrp_pid").arg(file("vrrp-pid"));
        Ok(node.spawn(command)?)
    }

    /// Ends a run as an administrator does; all that it said.
    pub(crate) fn end(process: &Process) -> Result<String> {
        process.terminate()?;
        let status = process.wait(LIMIT)?;
        assert!(status.success(), "{status}:\n{}", process.output());
        Ok(process.output())
    }
}

/// Runs a program on a host to its end, and returns what it printed.
pub(crate) fn run(host: &vipcast_lab::Host, program: &[&str]) -> Result<String> {
    let mut command = harness::tool(program[0]);
    command.args(&program[1..]);
    let process = host.spawn(command)?;
    let status = process.wait(LIMIT)?;
    assert!(status.success(), "{program:?}: {}", process.output());
    Ok(process.output())
}

/// `ip` with these words.
pub(crate) fn ip(host: &vipcast_lab::Host, words: &str) -> Result<()> {
    let mut program = vec!["ip"];
    program.extend(words.split(' '));
    run(host, &program).map(drop)
}
