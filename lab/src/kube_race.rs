//! `lab race kube`: the controller before a real API server, in figures.

use std::{
    collections::BTreeMap,
    error, fs,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use vipcast_lab::{
    Process, enter,
    kube::{Installed, NAMESPACE, SERVICES, Watch, addresses, service_writes},
};

type Outcome<T = ()> = Result<T, Box<dyn error::Error>>;

const USAGE: &str = "\
usage: lab race kube --vipcast PROGRAM --deploy FOLDER [--services NUMBER]
       prints a table in Markdown; the programs of the control plane are those in KUBEBUILDER_ASSETS";

/// How many single services are measured for a median.
const SINGLE: usize = 50;
const LIMIT: Duration = Duration::from_secs(120);

struct Options {
    program: PathBuf,
    deploy: PathBuf,
    services: usize,
}

impl Options {
    fn parse(args: &[&str]) -> Option<Self> {
        let (mut program, mut deploy, mut services) = (None, None, 1000);
        for pair in args.chunks(2) {
            match pair {
                ["--vipcast", path] => program = Some(path.into()),
                ["--deploy", path] => deploy = Some(path.into()),
                ["--services", number] => services = number.parse().ok()?,
                _ => return None,
            }
        }
        Some(Self { program: program?, deploy: deploy?, services })
    }
}

pub(crate) fn run(args: &[&str]) -> Outcome<ExitCode> {
    let Some(options) = Options::parse(args) else {
        eprintln!("{USAGE}");
        return Ok(ExitCode::from(2));
    };
    enter()?;
    println!("| what | figure |\n|---|---|");
    let size = fs::metadata(&options.program)?.len();
    row("size of the program", &format!("{:.1} MB", size as f64 / 1e6));
    let cluster = Installed::start("race", 1, false, &options.deploy, &options.program)?;
    let controller = cluster.one_controller()?;
    let process = || cluster.process(NAMESPACE, &controller);
    row("resident, idle", &mebibytes(&*process()?)?);

    let seen = Seen::follow(cluster.api().watch(SERVICES));
    one_by_one(&cluster, &seen)?;
    at_once(&cluster, &seen, &*process()?, options.services)?;
    row(&format!("resident, after {}", options.services), &mebibytes(&*process()?)?);
    let (_, address) = create(&cluster, &seen, "more")?;
    row("with that many at rest: POST to address", &milliseconds(address));
    let audit = cluster.audit().from_now()?;
    let start = Instant::now();
    cluster.restart(NAMESPACE, &controller)?;
    create(&cluster, &seen, "restarted")?;
    let served = seen.wait_for("restarted")? - start;
    row("restart with that many: exec to the address of a new service", &milliseconds(served));
    thread::sleep(Duration::from_secs(3));
    row(
        "service writes of the restart, the new service's included",
        &service_writes(&audit)?.to_string(),
    );
    Ok(ExitCode::SUCCESS)
}

/// One service after the other, in an idle cluster.
fn one_by_one(cluster: &Installed, seen: &Seen) -> Outcome {
    cluster.create_pool("single", &["172.18.0.0/24"])?;
    let (mut answers, mut given) = (Vec::new(), Vec::new());
    for number in 0..SINGLE {
        let (answer, address) = create(cluster, seen, &format!("single-{number}"))?;
        answers.push(answer);
        given.push(address);
    }
    for number in 0..SINGLE {
        cluster.api().delete(&format!("{SERVICES}/single-{number}"))?;
    }
    row(&format!("POST answered by the API server alone, p50 / max of {SINGLE}"), &spread(answers));
    row(&format!("POST to address seen by a watcher, p50 / max of {SINGLE}"), &spread(given));
    Ok(())
}

/// Services that wait, and then their pool.
fn at_once(cluster: &Installed, seen: &Seen, process: &Process, count: usize) -> Outcome {
    cluster
        .api()
        .delete("/apis/metallb.io/v1beta1/namespaces/metallb-system/ipaddresspools/single")?;
    let audit = cluster.audit().from_now()?;
    cluster.create_many(count)?;
    // Each is told that it waits; that is not what is measured.
    thread::sleep(Duration::from_secs(5));
    let told = service_writes(&audit)?;
    let audit = audit.from_now()?;
    let busy = processor_time(process)?;
    let start = Instant::now();
    cluster.create_pool("many", &["172.18.16.0/20"])?;
    let first = seen.wait(1, start)?;
    let all = seen.wait(count, start)?;
    let busy = processor_time(process)? - busy;
    row(&format!("{count} wait for a pool: first address after"), &milliseconds(first));
    row(&format!("{count} wait for a pool: all have theirs after"), &milliseconds(all));
    row("addresses a second", &format!("{:.0}", count as f64 / all.as_secs_f64()));
    row("processor time of the controller for them", &milliseconds(busy));
    thread::sleep(Duration::from_secs(3));
    row(
        "service writes for them, and before the pool, to say that they wait",
        &format!("{}, {told}", service_writes(&audit)?),
    );
    Ok(())
}

/// Creates a service: how long its POST took, and how long it was until a watcher saw its address.
fn create(cluster: &Installed, seen: &Seen, name: &str) -> Outcome<(Duration, Duration)> {
    let spec = json!({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "ports": [{"port": 80}]});
    let service = json!({"metadata": {"name": name}, "spec": spec});
    let start = Instant::now();
    cluster.api().create(SERVICES, &service)?;
    let answer = start.elapsed();
    Ok((answer, seen.wait_for(name)? - start))
}

/// When each service was first seen with an address.
struct Seen(Arc<(Mutex<BTreeMap<String, Instant>>, Condvar)>);

impl Seen {
    fn follow(watch: Watch) -> Self {
        let shared: Arc<(Mutex<BTreeMap<String, Instant>>, Condvar)> = Arc::default();
        let follower = Arc::clone(&shared);
        thread::spawn(move || {
            while let Some((_, service)) = watch.next(Duration::from_secs(600)) {
                let now = Instant::now();
                if !addresses(&service).is_empty() {
                    let name = service["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                    let mut times = follower.0.lock().unwrap_or_else(PoisonError::into_inner);
                    times.entry(name).or_insert(now);
                    follower.1.notify_all();
                }
            }
        });
        Self(shared)
    }

    fn until<T>(&self, found: impl Fn(&BTreeMap<String, Instant>) -> Option<T>) -> Outcome<T> {
        let times = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.1.wait_timeout_while(times, LIMIT, |times| found(times).is_none());
        let (times, _) = waited.unwrap_or_else(PoisonError::into_inner);
        found(&times).ok_or_else(|| format!("no address within {LIMIT:?}").into())
    }

    fn wait_for(&self, name: &str) -> Outcome<Instant> {
        self.until(|times| times.get(name).copied())
    }

    /// How long after `start` so many were seen with an address since then.
    fn wait(&self, count: usize, start: Instant) -> Outcome<Duration> {
        self.until(|times| {
            let mut fresh: Vec<Instant> =
                times.values().copied().filter(|time| *time >= start).collect();
            fresh.sort_unstable();
            fresh.get(count - 1).map(|time| *time - start)
        })
    }
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

fn mebibytes(process: &Process) -> Outcome<String> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kibibytes: f64 = line.trim_end_matches("kB").trim().parse()?;
    Ok(format!("{:.1} MiB", kibibytes / 1024.0))
}

/// What a process used so far, by the clock ticks of /proc: 10 ms each.
fn processor_time(process: &Process) -> Outcome<Duration> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id()))?;
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // After the name: user time is the twelfth field, system time the next.
    let ticks: u64 = fields
        .get(11..13)
        .ok_or("a short stat")?
        .iter()
        .map(|field| field.parse().unwrap_or(0))
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}
