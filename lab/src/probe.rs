//! Probing an address, each millisecond.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Shutdown, SocketAddr},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    error::{LabError, Result},
    host::Host,
    lock::lock,
    report::{Answer, ProbeReport, Sample},
};

/// How long [`Probing::stop`] waits for the answer to the last probe.
const GRACE: Duration = Duration::from_millis(200);

/// What to probe, how, and how often.
///
/// ```no_run
/// # fn f(net: &vipcast_lab::Topology) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use vipcast_lab::Probe;
///
/// let _server = net.nodes[0].serve_name(80)?;
/// let probing = Probe::udp("172.18.1.1:80".parse()?).start(&net.client)?;
/// probing.wait_for_answers(10, Duration::from_secs(5))?;
/// net.nodes[0].port.cut()?;
/// probing.wait_for_losses(50, Duration::from_secs(5))?;
/// net.nodes[0].port.heal()?;
/// probing.wait_for_answers(10, Duration::from_secs(5))?;
/// println!("{}", probing.stop());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Probe {
    target: SocketAddr,
    kind: Kind,
    every: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Udp,
    Icmp,
}

impl Probe {
    /// Datagrams to a [`Server`](crate::Server): its answers say which host gave them.
    pub fn udp(target: SocketAddr) -> Self {
        Self { target, kind: Kind::Udp, every: Duration::from_millis(1) }
    }

    /// Echo requests of ICMP or ICMPv6, which a kernel answers by itself.
    pub fn icmp(target: IpAddr) -> Self {
        Self { target: (target, 0).into(), kind: Kind::Icmp, every: Duration::from_millis(1) }
    }

    /// Sets the interval: 1 ms unless told.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every, ..self }
    }

    /// Starts to probe from `host`.
    ///
    /// # Errors
    /// A socket that the kernel refuses, as for an address without a route.
    pub fn start(self, host: &Host) -> Result<Probing> {
        let probe = self.clone();
        let opened = host.run(move || probe.open())?;
        let failed = || LabError::io(format!("probe {} from {}", self.target, host.name()));
        let socket = opened.map_err(failed())?;
        let (sending, listening) = (socket.try_clone(), socket.try_clone());
        let (sending, listening) = (sending.map_err(failed())?, listening.map_err(failed())?);
        let shared = Arc::new(State::default());
        // Whole before the threads are: dropping it ends those that started.
        let mut probing = Probing {
            target: self.target,
            every: self.every,
            socket,
            shared: Arc::clone(&shared),
            listener: None,
            sender: None,
        };
        let (probe, state) = (self.clone(), Arc::clone(&shared));
        probing.listener = Some(host.start(move || probe.receive(&listening, &state))?);
        probing.sender = Some(host.start(move || self.send(&sending, &shared))?);
        Ok(probing)
    }

    fn open(&self) -> io::Result<Socket> {
        let domain = Domain::for_address(self.target);
        let (kind, protocol) = match (self.kind, self.target) {
            (Kind::Udp, _) => (Type::DGRAM, Protocol::UDP),
            (Kind::Icmp, SocketAddr::V4(_)) => (Type::DGRAM, Protocol::ICMPV4),
            (Kind::Icmp, SocketAddr::V6(_)) => (Type::DGRAM, Protocol::ICMPV6),
        };
        let socket = Socket::new(domain, kind, Some(protocol))?;
        socket.connect(&self.target.into())?;
        Ok(socket)
    }

    /// The thread that sends.
    fn send(&self, socket: &Socket, shared: &State) {
        let mut due = Instant::now();
        while !shared.silent.load(Ordering::Acquire) {
            let number = {
                let mut samples = lock(&shared.samples);
                samples.push(Sample { sent_at: Instant::now(), answer: None });
                samples.len() as u64 - 1
            };
            shared.changed.notify_all();
            let packet = self.packet(number);
            // An error that came in for an earlier probe is reported here, and nothing is sent.
            if (&*socket).write(&packet).is_err() {
                let _ = (&*socket).write(&packet);
            }
            // If the machine was busy, no burst makes up for it.
            due = (due + self.every).max(Instant::now());
            loop {
                let left = due.saturating_duration_since(Instant::now());
                if left.is_zero() || shared.silent.load(Ordering::Acquire) {
                    break;
                }
                thread::park_timeout(left);
            }
        }
    }

    /// The thread that listens.
    fn receive(&self, mut socket: &Socket, shared: &State) {
        let mut buffer = [0; 2048];
        while !shared.deaf.load(Ordering::Acquire) {
            // Refusals and unreachable messages are no answers.
            let Ok(length) = socket.read(&mut buffer) else { continue };
            let at = Instant::now();
            let Some((number, by)) = self.parse(&buffer[..length]) else { continue };
            let mut samples = lock(&shared.samples);
            let sample = usize::try_from(number).ok().and_then(|number| samples.get_mut(number));
            if let Some(sample) = sample {
                sample.answer.get_or_insert(Answer { at, by });
                shared.changed.notify_all();
            }
        }
    }

    /// The probe of that number.
    fn packet(&self, number: u64) -> Vec<u8> {
        let mut packet = match (self.kind, self.target) {
            (Kind::Udp, _) => Vec::new(),
            // Type and code; checksum and identifier are the kernel's, and our number follows.
            (Kind::Icmp, SocketAddr::V4(_)) => vec![8, 0, 0, 0, 0, 0, 0, 0],
            (Kind::Icmp, SocketAddr::V6(_)) => vec![128, 0, 0, 0, 0, 0, 0, 0],
        };
        packet.extend(number.to_be_bytes());
        packet
    }

    /// The number that an answer repeats, and who says to have given it.
    fn parse(&self, answer: &[u8]) -> Option<(u64, Option<Arc<str>>)> {
        let skip = if self.kind == Kind::Icmp { 8 } else { 0 };
        let (number, name) = answer.get(skip..)?.split_first_chunk()?;
        let name = str::from_utf8(name).ok().filter(|name| !name.is_empty());
        Some((u64::from_be_bytes(*number), name.map(Arc::from)))
    }
}

/// A probe at work. It ends when stopped or dropped.
#[derive(Debug)]
pub struct Probing {
    target: SocketAddr,
    every: Duration,
    socket: Socket,
    shared: Arc<State>,
    listener: Option<JoinHandle<()>>,
    sender: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    samples: Mutex<Vec<Sample>>,
    changed: Condvar,
    /// Nothing is sent any more.
    silent: AtomicBool,
    /// Nothing is listened to any more.
    deaf: AtomicBool,
}

impl Probing {
    /// Waits for so many more probes to be answered, of those sent from now on.
    ///
    /// # Errors
    /// [`LabError::Timeout`].
    pub fn wait_for_answers(&self, count: usize, limit: Duration) -> Result<()> {
        let fresh = lock(&self.shared.samples).len();
        self.wait(format!("{count} answers from {}", self.target), limit, |samples| {
            samples[fresh..].iter().filter(|sample| sample.answer.is_some()).count() >= count
        })
    }

    /// Waits for an answer that was given by the host of that name, to a probe sent from now on.
    ///
    /// # Errors
    /// [`LabError::Timeout`].
    pub fn wait_for_answer_by(&self, name: &str, limit: Duration) -> Result<()> {
        let fresh = lock(&self.shared.samples).len();
        self.wait(format!("{} answered by {name}", self.target), limit, |samples| {
            let mut answers = samples[fresh..].iter().filter_map(|sample| sample.answer.as_ref());
            answers.any(|answer| answer.by.as_deref() == Some(name))
        })
    }

    /// Waits for an answer from any other host than the one of that name, to a probe sent from now
    /// on, and says which it was.
    ///
    /// # Errors
    /// [`LabError::Timeout`].
    pub fn wait_for_answer_not_by(&self, name: &str, limit: Duration) -> Result<Arc<str>> {
        let fresh = lock(&self.shared.samples).len();
        let other = |samples: &[Sample]| {
            let answers = samples[fresh..].iter().filter_map(|sample| sample.answer.as_ref());
            answers.filter_map(|answer| answer.by.clone()).find(|by| **by != *name)
        };
        let what = format!("{} answered by another than {name}", self.target);
        self.wait(what.clone(), limit, |samples| other(samples).is_some())?;
        let found = other(&lock(&self.shared.samples));
        found.ok_or(LabError::Timeout { what, waited: limit })
    }

    /// Waits until so many probes in a row are unanswered, not counting the newest, which is still
    /// under way. One before it may be under way too, on a busy machine.
    ///
    /// # Errors
    /// [`LabError::Timeout`].
    pub fn wait_for_losses(&self, count: usize, limit: Duration) -> Result<()> {
        self.wait(format!("{count} losses in a row of {}", self.target), limit, |samples| {
            let lost = samples.iter().rev().skip(1).take_while(|sample| sample.answer.is_none());
            lost.count() >= count
        })
    }

    fn wait(&self, what: String, limit: Duration, done: impl Fn(&[Sample]) -> bool) -> Result<()> {
        let samples = lock(&self.shared.samples);
        let changed = &self.shared.changed;
        let waited = changed.wait_timeout_while(samples, limit, |samples| !done(samples));
        let (_samples, result) = waited.unwrap_or_else(PoisonError::into_inner);
        if result.timed_out() {
            return Err(LabError::Timeout { what, waited: limit });
        }
        Ok(())
    }

    /// What happened so far; probes under way count as lost.
    pub fn report(&self) -> ProbeReport {
        let samples = lock(&self.shared.samples).clone();
        ProbeReport { target: self.target, every: self.every, samples }
    }

    /// Ends it, waiting shortly for the answer to the last probe, and reports.
    pub fn stop(mut self) -> ProbeReport {
        self.fall_silent();
        let answered = |samples: &[Sample]| samples.last().is_none_or(|last| last.answer.is_some());
        // A last probe that stays unanswered is a finding, not a failure.
        let _ = self.wait("the last answer".to_owned(), GRACE, answered);
        self.end();
        self.report()
    }

    /// Ends the sending: when this returns, the last sample is there.
    fn fall_silent(&mut self) {
        self.shared.silent.store(true, Ordering::Release);
        if let Some(sender) = self.sender.take() {
            sender.thread().unpark();
            let _ = sender.join();
        }
    }

    fn end(&mut self) {
        self.shared.deaf.store(true, Ordering::Release);
        // It wakes the listener.
        let _ = self.socket.shutdown(Shutdown::Both);
        self.fall_silent();
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

impl Drop for Probing {
    fn drop(&mut self) {
        self.end();
    }
}
