//! Nodes that run `vipcast`.

use std::{
    collections::BTreeMap,
    env, fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    error::{LabError, Result},
    harness::LIMIT,
    process::Process,
    server::Server,
    topology::{Node, Topology},
};

/// A [`Topology`] whose nodes run `vipcast run --deliver local` over one folder of manifests: with one
/// state folder and a list of the living that the lab keeps, or each with a state folder of its own,
/// by beacons, and all agree on who gets which address. Each node serves its name on port 80,
/// which stands for the pods.
#[derive(Debug)]
#[non_exhaustive]
pub struct Cluster {
    /// The network.
    pub net: Topology,
    /// The manifests; the cluster's own copy, to be edited.
    pub manifests: PathBuf,
    program: PathBuf,
    /// What makes nodes elect by beacons; `None` with a list.
    beacons: Option<Vec<String>>,
    processes: BTreeMap<String, Process>,
    _servers: Vec<Server>,
}

impl Cluster {
    /// Starts `program` on every node of `net`, with a copy of the folder `manifests`, and waits until
    /// all of them run.
    ///
    /// # Errors
    /// What the kernel refuses; a process that does not come up, with what it said.
    pub fn start(net: Topology, program: &Path, manifests: &Path) -> Result<Self> {
        Self::run(net, program, manifests, None)
    }

    /// As [`start`](Self::start), but nodes elect by beacons, as these arguments say: `--insecure`,
    /// say.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn elect(net: Topology, program: &Path, manifests: &Path, args: &[&str]) -> Result<Self> {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Self::run(net, program, manifests, Some(args))
    }

    fn run(
        net: Topology,
        program: &Path,
        manifests: &Path,
        beacons: Option<Vec<String>>,
    ) -> Result<Self> {
        let copy = net.lab.dir().join("manifests");
        copy_folder(manifests, &copy)
            .map_err(LabError::io(format!("copy {}", manifests.display())))?;
        let servers = net.nodes.iter().map(|node| node.serve_name(80)).collect::<Result<_>>()?;
        let mut cluster = Self {
            net,
            manifests: copy,
            program: program.to_owned(),
            beacons,
            processes: BTreeMap::new(),
            _servers: servers,
        };
        let names: Vec<String> = cluster.net.nodes.iter().map(|n| n.name().to_owned()).collect();
        cluster.set_alive(&names)?;
        for name in &names {
            cluster.start_node(name)?;
        }
        for name in &names {
            cluster.process(name).wait_for_line(&format!("running as {name}"), LIMIT)?;
        }
        Ok(cluster)
    }

    /// Starts `vipcast` on this node, in place of an earlier process of it.
    ///
    /// # Errors
    /// A node that does not exist; a program that cannot be started.
    pub fn start_node(&mut self, name: &str) -> Result<()> {
        self.start_command(name, self.command(name))
    }

    /// Starts another command on this node, in place of an earlier process of it.
    ///
    /// # Errors
    /// As [`start_node`](Self::start_node).
    pub fn start_command(&mut self, name: &str, command: Command) -> Result<()> {
        let process = self.node(name)?.spawn(command)?;
        self.processes.insert(name.to_owned(), process);
        Ok(())
    }

    /// The command line of a node.
    #[must_use]
    pub fn command(&self, name: &str) -> Command {
        let mut command = self.plain_command(name);
        match &self.beacons {
            Some(args) => {
                let names: Vec<&str> = self.net.nodes.iter().map(Node::name).collect();
                command.arg("--state").arg(self.own_state(name)).args(args);
                command.args(["--founders", &names.join(",")])
            }
            None => command.arg("--state").arg(self.state()).arg("--alive").arg(self.alive()),
        };
        command
    }

    /// The command line of a node that is told neither of a state folder nor of others.
    #[must_use]
    pub fn plain_command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("run").arg("--manifests").arg(&self.manifests);
        command.args(["--node", name, "--deliver", "local"]);
        command
    }

    /// Writes the list of the living, as a tool does that keeps it: a new file, then a rename.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn set_alive(&self, names: &[impl AsRef<str>]) -> Result<()> {
        let text: String = names.iter().map(|name| format!("{}\n", name.as_ref())).collect();
        let (new, file) = (self.net.lab.dir().join("alive.new"), self.alive());
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, &file))
            .map_err(LabError::io(format!("write {}", file.display())))
    }

    /// The state folder that the nodes share.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.net.lab.dir().join("state")
    }

    /// The state folder of a node that elects by beacons.
    #[must_use]
    pub fn own_state(&self, name: &str) -> PathBuf {
        self.net.lab.dir().join(format!("state-{name}"))
    }

    /// The list of the living.
    #[must_use]
    pub fn alive(&self) -> PathBuf {
        self.net.lab.dir().join("alive")
    }

    /// The process of a node that was started.
    ///
    /// # Panics
    /// If it was not: that is a mistake of the test.
    #[must_use]
    pub fn process(&self, name: &str) -> &Process {
        self.processes.get(name).unwrap_or_else(|| panic!("{name} was not started"))
    }

    /// The node of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn node(&self, name: &str) -> Result<&Node> {
        let node = self.net.nodes.iter().find(|node| node.name() == name);
        node.ok_or_else(|| LabError::Topology { what: format!("there is no node {name}") })
    }

    /// Waits until a node says that it holds the address, or that it does not, whatever it printed:
    /// lines follow a report that may have changed twice meanwhile. What it says may be of a moment
    /// ago: see it change.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with the node's last answer.
    pub fn wait_until_holding(&self, name: &str, address: IpAddr, holds: bool) -> Result<()> {
        let start = std::time::Instant::now();
        let state = match &self.beacons {
            Some(_) => self.own_state(name),
            None => self.state(),
        };
        loop {
            let mut ask = Command::new(&self.program);
            ask.args(["who-has", &address.to_string(), "-o", "json", "--node", name, "--state"]);
            let answer = ask.arg(&state).output().map_err(LabError::io("start who-has"))?;
            let text = String::from_utf8_lossy(&answer.stdout);
            if text.contains("\"held\":") && text.contains("\"here\":true") == holds {
                return Ok(());
            }
            if start.elapsed() > LIMIT {
                let refusal = String::from_utf8_lossy(&answer.stderr);
                let what = format!("{name} to say {holds} of {address}; it said {text}{refusal}");
                return Err(LabError::Timeout { what, waited: start.elapsed() });
            }
        }
    }

    /// Waits until a page can be fetched from outside, and returns its body: the node's name.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with the last refusal, and what the nodes said.
    pub fn wait_for_page(&self, url: &str) -> Result<String> {
        let start = std::time::Instant::now();
        loop {
            match self.net.client.fetch_within(url, Duration::from_secs(2)) {
                Ok(page) => return Ok(page.body.trim().to_owned()),
                Err(error) if start.elapsed() > LIMIT => {
                    let said: String = self.processes.values().map(Process::output).collect();
                    let what = format!("{url}: {error}; the nodes said:\n{said}");
                    return Err(LabError::Timeout { what, waited: start.elapsed() });
                }
                // A refused connection comes at once: do not spin.
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// The `vipcast` program that was built beside this one; `VIPCAST_BIN` names another.
///
/// # Errors
/// When there is none: `cargo build -p vipcast` makes it.
pub fn vipcast() -> Result<PathBuf> {
    if let Some(named) = env::var_os("VIPCAST_BIN") {
        return Ok(named.into());
    }
    let own = env::current_exe().map_err(LabError::io("find this program's own path"))?;
    // A test program lies in `deps`, one folder below.
    let folders = own.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join("vipcast")).find(|file| file.is_file());
    found.ok_or_else(|| LabError::Topology {
        what: "there is no program vipcast beside this one: run `cargo build -p vipcast`, or name \
               it in VIPCAST_BIN"
            .to_owned(),
    })
}

/// A program that was built from the folder `examples` of one of our crates; the folder with all of
/// them is beside this program, or named by `VIPCAST_EXAMPLES`.
///
/// # Errors
/// When there is none of that name: `cargo build --workspace --examples` makes them.
pub fn example(name: &str) -> Result<PathBuf> {
    let own = env::current_exe().map_err(LabError::io("find this program's own path"))?;
    let beside = own.ancestors().skip(1).take(2).map(|folder| folder.join("examples"));
    let folders = env::var_os("VIPCAST_EXAMPLES").map(PathBuf::from).into_iter().chain(beside);
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    found.ok_or_else(|| LabError::Topology {
        what: format!(
            "there is no example {name} beside this program: run `cargo build --workspace \
             --examples`, or name their folder in VIPCAST_EXAMPLES"
        ),
    })
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
