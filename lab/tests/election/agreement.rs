use std::{
    error::Error,
    fs,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use vipcast_lab::{Process, Topology, harness::TestResult, vipcast};

use crate::common::LIMIT;

const NAMES: [&str; 3] = ["node-a", "node-b", "node-c"];

/// Nodes with manifests and state of their own.
struct World {
    net: Topology,
    processes: Vec<Option<Process>>,
    founders: &'static str,
}

type Has = Vec<(String, String)>;

impl World {
    fn new(name: &str, founders: &'static str) -> Result<Self, Box<dyn Error>> {
        let net = Topology::new(name, 3)?;
        let world = Self { net, processes: vec![None, None, None], founders };
        for node in 0..3 {
            fs::create_dir_all(world.manifests(node))?;
            world.write(
                node,
                "pool",
                "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: lan}\n\
                 spec: {addresses: [172.18.0.0/28]}\n---\n\
                 apiVersion: metallb.io/v1beta1\nkind: L2Advertisement\nmetadata: {name: lan}\n",
            )?;
        }
        Ok(world)
    }

    fn manifests(&self, node: usize) -> PathBuf {
        self.net.lab.dir().join(format!("manifests-{node}"))
    }

    fn state(&self, node: usize) -> PathBuf {
        self.net.lab.dir().join(format!("state-{node}"))
    }

    fn write(&self, node: usize, name: &str, text: &str) -> TestResult {
        let (new, file) = (
            self.net.lab.dir().join(format!("{name}-{node}.new")),
            self.manifests(node).join(format!("{name}.yaml")),
        );
        fs::write(&new, text)?;
        Ok(fs::rename(new, file)?)
    }

    /// Asks for an address on these nodes' folders.
    fn ask(&self, nodes: &[usize], service: &str) -> TestResult {
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {service}}}\n\
             spec: {{type: LoadBalancer}}\n"
        );
        nodes.iter().try_for_each(|node| self.write(*node, service, &text))
    }

    fn withdraw(&self, nodes: &[usize], service: &str) -> TestResult {
        let file = |node: &usize| self.manifests(*node).join(format!("{service}.yaml"));
        Ok(nodes.iter().try_for_each(|node| fs::remove_file(file(node)))?)
    }

    fn start(&mut self, node: usize) -> TestResult {
        let mut command = Command::new(vipcast()?);
        command.args(["run", "--node", NAMES[node], "--insecure", "-o", "json"]);
        command.arg("--manifests").arg(self.manifests(node)).arg("--state").arg(self.state(node));
        if !self.founders.is_empty() {
            command.args(["--founders", self.founders]);
        }
        self.processes[node] = Some(self.net.nodes[node].spawn(command)?);
        Ok(())
    }

    fn kill(&mut self, node: usize) -> TestResult {
        let process = self.processes[node].take().ok_or("it runs")?;
        process.kill()?;
        process.wait(LIMIT)?;
        Ok(())
    }

    fn process(&self, node: usize) -> &Process {
        self.processes[node].as_ref().expect("it runs")
    }

    /// What a node has of what is agreed, as it wrote it down.
    fn has(&self, node: usize) -> Has {
        let read = || -> Result<Has, Box<dyn Error>> {
            let text = fs::read_to_string(self.state(node).join("assignments.json"))?;
            let json: serde_json::Value = serde_json::from_str(&text)?;
            let services = json["services"].as_object().ok_or("no services")?;
            let one = |(owner, had): (&String, &serde_json::Value)| {
                (owner.clone(), had[0]["address"].as_str().unwrap_or_default().to_owned())
            };
            Ok(services.iter().map(one).collect())
        };
        // A file that is not there yet has nothing.
        read().unwrap_or_default()
    }

    /// Waits until these nodes have addresses for these services, all the same ones.
    fn agree(&self, nodes: &[usize], services: &[&str]) -> Result<Has, Box<dyn Error>> {
        let start = Instant::now();
        loop {
            let all: Vec<Has> = nodes.iter().map(|node| self.has(*node)).collect();
            let names: Vec<&str> =
                all[0].iter().map(|(owner, _)| &owner["default/".len()..]).collect();
            if names == services && all.iter().all(|has| *has == all[0]) {
                let mut addresses: Vec<_> = all[0].iter().map(|(_, address)| address).collect();
                addresses.sort();
                addresses.dedup();
                assert_eq!(addresses.len(), services.len(), "{all:?}");
                return Ok(all[0].clone());
            }
            if start.elapsed() > LIMIT {
                let said: String = nodes.iter().map(|node| self.process(*node).output()).collect();
                return Err(format!("{services:?} is not agreed on: {all:?}\n{said}").into());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Which node says that it assigns.
    fn assigner(&self) -> Result<usize, Box<dyn Error>> {
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            for node in 0..3 {
                let leads = self.who_has(node)?.contains("\"standing\":\"leads\"");
                if leads {
                    return Ok(node);
                }
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err("nobody assigns".into())
    }

    fn who_has(&self, node: usize) -> Result<String, Box<dyn Error>> {
        if self.processes[node].is_none() {
            return Ok(String::new());
        }
        let mut command = Command::new(vipcast()?);
        command.args(["who-has", "172.18.0.0", "-o", "json", "--node", NAMES[node], "--state"]);
        let answer = command.arg(self.state(node)).output()?;
        Ok(String::from_utf8(answer.stdout)?)
    }
}

const ALL: [usize; 3] = [0, 1, 2];

/// What of `before` is others in `after`.
fn changed<'a>(before: &'a Has, after: &Has) -> Vec<&'a (String, String)> {
    before.iter().filter(|had| !after.contains(had)).collect()
}

/// One node is cut off, the one that assigns; both sides are edited; then they meet.
pub(crate) fn a_partition_delays_assignments() -> TestResult {
    let mut world = World::new("agreement", "node-a,node-b,node-c")?;
    world.ask(&ALL, "web")?;
    for node in ALL {
        world.start(node)?;
    }
    let before = world.agree(&ALL, &["web"])?;
    assert_eq!(before[0].1, "172.18.0.0");

    let alone = world.assigner()?;
    let others: Vec<usize> = ALL.into_iter().filter(|node| *node != alone).collect();
    let seen = world.process(alone).lines().len();
    world.net.nodes[alone].port.cut()?;
    world.ask(&[alone], "here")?;
    world.ask(&others, "there")?;
    // It may be electing first.
    let waiting = wait_for_waiting(world.process(alone), seen, "here", "noMajority")?;
    assert_eq!(waiting["heard"], serde_json::json!([NAMES[alone]]));
    assert!(waiting["message"].as_str().is_some_and(|text| text.contains("NO MAJORITY")));
    let majority = world.agree(&others, &["there", "web"])?;
    assert_eq!(changed(&before, &majority), Vec::<&(String, String)>::new());
    assert_eq!(world.has(alone), before, "nothing new without a majority");
    let asked = world.who_has(alone)?;
    assert!(asked.contains("\"standing\":\"noMajority\""), "{asked}");

    world.net.nodes[alone].port.heal()?;
    let healed = world.agree(&ALL, &["there", "web"])?;
    assert_eq!(healed, majority);
    // What was asked for on one side is asked for on the other now, too.
    world.ask(&others, "here")?;
    world.ask(&[alone], "there")?;
    let all = world.agree(&ALL, &["here", "there", "web"])?;
    assert_eq!(changed(&majority, &all), Vec::<&(String, String)>::new());
    Ok(())
}

/// All nodes die at once, and one of them comes back without its state.
pub(crate) fn assignments_outlive_nodes_and_a_lost_state() -> TestResult {
    let mut world = World::new("lost state", "node-a,node-b,node-c")?;
    // They would get other addresses if they were handed out anew.
    world.ask(&ALL, "z")?;
    for node in ALL {
        world.start(node)?;
    }
    world.agree(&ALL, &["z"])?;
    world.ask(&ALL, "b")?;
    world.agree(&ALL, &["b", "z"])?;
    world.ask(&ALL, "a")?;
    let before = world.agree(&ALL, &["a", "b", "z"])?;
    let addresses: Vec<&str> = before.iter().map(|(_, address)| &**address).collect();
    assert_eq!(addresses, ["172.18.0.2", "172.18.0.1", "172.18.0.0"]);

    for node in ALL {
        world.kill(node)?;
    }
    // The first by name would found, and be the first to lead.
    fs::remove_dir_all(world.state(0))?;
    for node in ALL {
        world.start(node)?;
    }
    assert_eq!(world.agree(&ALL, &["a", "b", "z"])?, before);

    // It gets its vote back by itself: with it two are a majority.
    let start = Instant::now();
    while !world.who_has(0)?.contains("\"votes\":true") {
        assert!(start.elapsed() < LIMIT, "{}", world.process(0).output());
        thread::sleep(Duration::from_millis(50));
    }
    let leader = world.assigner()?;
    let gone = if leader == 2 { 2 } else { 1 };
    world.kill(gone)?;
    let rest: Vec<usize> = ALL.into_iter().filter(|node| *node != gone).collect();
    world.ask(&rest, "new")?;
    let after = world.agree(&rest, &["a", "b", "new", "z"])?;
    assert_eq!(changed(&before, &after), Vec::<&(String, String)>::new());
    Ok(())
}

/// What one side releases may still be announced on the other: it rests.
pub(crate) fn a_released_address_rests_while_a_member_is_away() -> TestResult {
    let mut world = World::new("release", "node-a,node-b,node-c")?;
    world.ask(&ALL, "web")?;
    for node in ALL {
        world.start(node)?;
    }
    world.agree(&ALL, &["web"])?;
    // Longer than whoever begins to lead takes nothing away.
    let leader = world.assigner()?;
    let away = ALL.into_iter().find(|node| *node != leader).ok_or("nobody")?;
    let here: Vec<usize> = ALL.into_iter().filter(|node| *node != away).collect();
    world.net.nodes[away].port.cut()?;
    world.withdraw(&here, "web")?;
    world.agree(&here, &[]).or_else(|_| world.agree(&here, &[]))?;
    world.ask(&here, "shop")?;
    let shop = world.agree(&here, &["shop"])?;
    assert_eq!(
        shop[0].1, "172.18.0.1",
        "what {} may still announce is not handed out",
        NAMES[away]
    );
    assert_eq!(world.has(away)[0].1, "172.18.0.0", "what is assigned stays");
    world.net.nodes[away].port.heal()?;
    world.agree(&ALL, &["shop"])?;
    Ok(())
}

/// Nobody is named: the first founds alone, and who comes later follows.
pub(crate) fn without_founders_the_first_founds_alone() -> TestResult {
    let mut world = World::new("alone", "")?;
    world.ask(&ALL, "web")?;
    world.start(0)?;
    world.process(0).wait_for_line("\"event\":\"assigned\"", LIMIT)?;
    world.start(1)?;
    world.process(1).wait_for_line("\"assigner\":\"node-a\"", LIMIT)?;
    world.agree(&[0, 1], &["web"])?;
    let seen = world.process(1).lines().len();
    world.kill(0)?;
    world.ask(&[1], "late")?;
    let waiting = wait_for_waiting(world.process(1), seen, "late", "noMajority")?;
    let text = waiting["message"].as_str().unwrap_or_default();
    assert!(text.contains("1 of the 1 members must agree"), "{text}");
    Ok(())
}

/// What a node says of a service that waits, for this reason; the first `seen` lines do not count.
fn wait_for_waiting(
    process: &Process,
    mut seen: usize,
    service: &str,
    standing: &str,
) -> Result<serde_json::Value, Box<dyn Error>> {
    let start = Instant::now();
    loop {
        let left = LIMIT.saturating_sub(start.elapsed());
        let line = process.wait_for_line_after(seen, "\"event\":\"waiting\"", left)?;
        let waiting: serde_json::Value = serde_json::from_str(&line.text)?;
        if (&waiting["name"], &waiting["standing"]) == (&service.into(), &standing.into()) {
            return Ok(waiting);
        }
        let at = process.lines().iter().skip(seen).position(|other| other.text == line.text);
        seen += at.ok_or("the line is gone")? + 1;
    }
}
