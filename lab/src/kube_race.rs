//! `lab race kube`: the controller and a speaker before a real API server, in figures.

mod cost;
mod seen;

use std::{
    error, fs,
    net::Ipv4Addr,
    ops::Range,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use vipcast_lab::{
    Process, enter,
    kube::{Installed, NAMESPACE, SERVICES, service_writes},
};

use cost::{mebibytes, processor_time};
use seen::Seen;

type Outcome<T = ()> = Result<T, Box<dyn error::Error>>;

const USAGE: &str = "\
usage: lab race kube --vipcast PROGRAM --deploy FOLDER [--services NUMBER] [--bursts NUMBER]
       prints a table in Markdown; the programs of the control plane are those in KUBEBUILDER_ASSETS
       --bursts: only services that wait for their pool, so many times, and the spread";

const POOLS: &str = "/apis/metallb.io/v1beta1/namespaces/metallb-system/ipaddresspools";
/// How many single services are measured for a median.
const SINGLE: usize = 50;
/// What is not written by now is not going to be.
const REST: Duration = Duration::from_secs(3);
/// Between two single services: the cluster is idle then.
const PAUSE: Duration = Duration::from_millis(300);
const LIMIT: Duration = Duration::from_secs(30);

struct Options {
    program: PathBuf,
    deploy: PathBuf,
    services: usize,
    /// Only this, so many times.
    bursts: usize,
}

impl Options {
    fn parse(args: &[&str]) -> Option<Self> {
        let (mut program, mut deploy, mut services, mut bursts) = (None, None, 1000, 0);
        for pair in args.chunks(2) {
            match pair {
                ["--vipcast", path] => program = Some(path.into()),
                ["--deploy", path] => deploy = Some(path.into()),
                ["--services", number] => services = number.parse().ok()?,
                ["--bursts", number] => bursts = number.parse().ok()?,
                _ => return None,
            }
        }
        Some(Self { program: program?, deploy: deploy?, services, bursts })
    }
}

pub(crate) fn run(args: &[&str]) -> Outcome<ExitCode> {
    let Some(Options { program, deploy, services, bursts }) = Options::parse(args) else {
        eprintln!("{USAGE}");
        return Ok(ExitCode::from(2));
    };
    enter()?;
    println!("| what | figure |\n|---|---|");
    row("size of the program", &format!("{:.1} MB", fs::metadata(&program)?.len() as f64 / 1e6));
    let race = Race::start(Installed::start("race", 1, false, &deploy, &program)?)?;
    if bursts > 0 {
        race.bursts(services, bursts)?;
        return Ok(ExitCode::SUCCESS);
    }
    race.first_address()?;
    race.memory("idle")?;
    race.one_by_one()?;
    race.at_once(0..services)?;
    race.memory(&format!("with {services}"))?;
    let Timed { address, .. } = race.create("more")?;
    row(&format!("with {services} at rest: POST to address"), &milliseconds(address));
    race.restart(services)?;
    race.cluster.create_many(services..3 * services)?;
    thread::sleep(REST);
    race.restart(3 * services)?;
    race.memory(&format!("with {}", 3 * services))?;
    Ok(ExitCode::SUCCESS)
}

/// One node, one controller, one speaker.
struct Race {
    cluster: Installed,
    controller: String,
    speaker: String,
    seen: Seen,
}

/// How long after its POST was sent.
struct Timed {
    answer: Duration,
    address: Duration,
    start: Instant,
    given: String,
}

impl Race {
    fn start(cluster: Installed) -> Outcome<Self> {
        let controller = cluster.one_controller()?;
        let speaker = cluster.speakers()?.swap_remove(0);
        let seen = Seen::follow(cluster.api().watch(SERVICES));
        cluster.create_pool("single", &["172.18.4.0/24"])?;
        cluster.advertise_all()?;
        Ok(Self { cluster, controller, speaker, seen })
    }

    fn ours(&self) -> Outcome<[(&'static str, Arc<Process>); 2]> {
        Ok([
            ("controller", self.cluster.process(NAMESPACE, &self.controller)?),
            ("speaker", self.cluster.process(NAMESPACE, &self.speaker)?),
        ])
    }

    /// Everybody's identifier whose processor time is told.
    fn everybody(&self) -> Outcome<Vec<(&'static str, u32)>> {
        let plane = &self.cluster.plane;
        let server = plane.server().ok_or("no API server")?.id();
        let mut all: Vec<_> =
            self.ours()?.iter().map(|(name, process)| (*name, process.id())).collect();
        all.extend([("API server", server), ("etcd", plane.etcd().id())]);
        Ok(all)
    }

    fn memory(&self, when: &str) -> Outcome {
        for (name, process) in self.ours()? {
            row(&format!("resident, {name} {when}"), &mebibytes(&process)?);
        }
        Ok(())
    }

    /// A controller starts and finds a service that waits.
    fn first_address(&self) -> Outcome {
        self.cluster.process(NAMESPACE, &self.controller)?.kill()?;
        self.cluster.api().create(SERVICES, &service("waiting"))?;
        let start = Instant::now();
        self.cluster.restart(NAMESPACE, &self.controller)?;
        let (served, _) = self.seen.wait_for("waiting")?;
        row("exec to the first address", &milliseconds(served - start));
        self.cluster.api().delete(&format!("{SERVICES}/waiting"))?;
        Ok(())
    }

    /// One service after the other, in an idle cluster.
    fn one_by_one(&self) -> Outcome {
        let mut created = Vec::new();
        let capture = self.cluster.net.lab.capture(&self.cluster.net.lan)?;
        let mut announced = Vec::new();
        for number in 0..SINGLE {
            thread::sleep(PAUSE);
            let timed = self.create(&format!("single-{number}"))?;
            let given: Ipv4Addr = timed.given.parse()?;
            let frame = capture.wait_for("a gratuitous frame", LIMIT, |frame| {
                frame.at >= timed.start
                    && frame.arp().is_some_and(|arp| arp.is_gratuitous() && arp.spa == given)
            })?;
            announced.push(frame.at - timed.start);
            created.push(timed);
        }
        for number in 0..SINGLE {
            self.cluster.api().delete(&format!("{SERVICES}/single-{number}"))?;
        }
        let answers = created.iter().map(|timed| timed.answer).collect();
        let given = created.iter().map(|timed| timed.address).collect();
        let what = format!("p50 / max of {SINGLE}");
        row(&format!("POST answered by the API server alone, {what}"), &spread(answers));
        row(&format!("POST to address seen by a watcher, {what}"), &spread(given));
        row(&format!("POST to the first gratuitous frame, {what}"), &spread(announced));
        Ok(())
    }

    /// Services that wait, and then their pool. How many addresses a second.
    fn at_once(&self, numbers: Range<usize>) -> Outcome<f64> {
        let count = numbers.len();
        // A burst before this one has left its pool.
        for pool in ["single", "many"] {
            let _ = self.cluster.api().delete(&format!("{POOLS}/{pool}"));
        }
        let audit = self.cluster.audit().from_now()?;
        self.cluster.create_many(numbers)?;
        // Each is told that it waits; that is not what is measured.
        thread::sleep(REST);
        let told = service_writes(&audit)?;
        let audit = audit.from_now()?;
        let processes = self.everybody()?;
        let mut busy = Vec::new();
        for (_, process) in &processes {
            busy.push(processor_time(*process)?);
        }
        let start = Instant::now();
        self.cluster.create_pool("many", &["172.18.16.0/20"])?;
        let first = self.seen.wait(1, start)?;
        let all = self.seen.wait(count, start)?;
        let mut during = Vec::new();
        for ((_, process), before) in processes.iter().zip(&busy) {
            during.push(processor_time(*process)? - *before);
        }
        thread::sleep(REST);
        let rate = count as f64 / all.as_secs_f64();
        row(&format!("{count} wait for a pool: first address after"), &milliseconds(first));
        row(&format!("{count} wait for a pool: all have theirs after"), &milliseconds(all));
        row("addresses a second", &format!("{rate:.0}"));
        for (((name, process), before), during) in processes.iter().zip(busy).zip(during) {
            let used = processor_time(*process)? - before;
            let what = format!(
                "processor time for {count}, {name}: until all have theirs, {REST:?} later"
            );
            row(&what, &format!("{}, {}", milliseconds(during), milliseconds(used)));
        }
        let writes = service_writes(&audit)?;
        row("service writes for them, and before, that they wait", &format!("{writes}, {told}"));
        Ok(rate)
    }

    /// Burst after burst, each of new services.
    fn bursts(&self, services: usize, bursts: usize) -> Outcome {
        let mut rates = Vec::new();
        for burst in 0..bursts {
            rates.push(self.at_once(burst * services..(burst + 1) * services)?);
            self.memory(&format!("with {services}"))?;
            // It may take longer than an answer is waited for.
            while !self.cluster.api().list(SERVICES)?.is_empty() {
                let _ = self.cluster.api().delete(SERVICES);
                thread::sleep(REST);
            }
        }
        rates.sort_by(f64::total_cmp);
        let (least, greatest) = (rates[0], rates[rates.len() - 1]);
        let middle = rates[rates.len() / 2];
        row(
            "addresses a second, least / middle / greatest",
            &format!("{least:.0} / {middle:.0} / {greatest:.0}"),
        );
        Ok(())
    }

    /// The controller is killed, and a service is created once it is started again.
    fn restart(&self, count: usize) -> Outcome {
        let audit = self.cluster.audit().from_now()?;
        let start = Instant::now();
        self.cluster.restart(NAMESPACE, &self.controller)?;
        let name = format!("restarted-{count}");
        self.create(&name)?;
        let (served, _) = self.seen.wait_for(&name)?;
        let what = format!("restart with {count}: exec to the address of a new service");
        row(&what, &milliseconds(served - start));
        thread::sleep(REST);
        let writes = service_writes(&audit)?;
        row("service writes of that restart, the new service's included", &writes.to_string());
        Ok(())
    }

    /// Creates a service, and waits until a watcher sees its address.
    fn create(&self, name: &str) -> Outcome<Timed> {
        let start = Instant::now();
        self.cluster.api().create(SERVICES, &service(name))?;
        let answer = start.elapsed();
        let (seen, given) = self.seen.wait_for(name)?;
        Ok(Timed { answer, address: seen - start, start, given })
    }
}

fn service(name: &str) -> serde_json::Value {
    let spec = json!({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "ports": [{"port": 80}]});
    json!({"metadata": {"name": name}, "spec": spec})
}

fn row(what: &str, figure: &str) {
    println!("| {what} | {figure} |");
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let max = times.last().copied().unwrap_or_default();
    format!("{} / {}", milliseconds(times[times.len() / 2]), milliseconds(max))
}
