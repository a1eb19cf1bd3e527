//! Nodes of two versions together.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use socket2::{Domain, Protocol, Socket, Type};
use vipcast_lab::{Cluster, Node, Probe, ProbeReport, harness::TestResult};

use crate::common::{LIMIT, STEADY, VIP, cluster, page};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 254);
const PORT: u16 = 7947;
/// Where magic, version and key end.
const ITEMS: usize = 6;
const SENDER: u8 = 1;
const NAME: u8 = 2;
const STATE: u8 = 5;
/// An item of a version to come.
const UNKNOWN: [u8; 6] = [250, 0, 3, 1, 2, 3];

/// One by one, nodes are stopped and started as a version that says more, and then back again. Who
/// stops waits for its heir for 2 s, which may need longer once on a busy machine, and not three times
/// in a row.
pub(crate) fn an_upgrade_and_back_loses_nothing() -> TestResult {
    let mut lost = Vec::new();
    for _ in 0..3 {
        let report = there_and_back()?;
        if report.lost() == 0 {
            return Ok(());
        }
        lost.push(report.to_string());
    }
    Err(format!("each time some probes were lost: {lost:#?}").into())
}

fn there_and_back() -> Result<ProbeReport, Box<dyn Error>> {
    let mut cluster = cluster("upgrade", 3, &STEADY)?;
    let router = cluster.net.router.clone();
    let (_later, mut ears) = (Later::start(&router)?, Ears::open(&router)?);
    let names: BTreeSet<String> = cluster.net.nodes.iter().map(|n| n.name().to_owned()).collect();
    ears.wait_until_active(|active| names.iter().all(|name| active.contains_key(name)))?;
    let first = cluster.wait_for_page(&page(VIP))?;
    let probing = Probe::udp(SocketAddr::new(VIP.into(), 80)).start(&cluster.net.client)?;
    probing.wait_for_answer_by(&first, LIMIT)?;
    probing.wait_for_answers(300, LIMIT)?;
    for says_more in [true, false] {
        let mut left = names.clone();
        // The owner first, as long as it is of the version that goes.
        while let Some(node) = next(&cluster, &left)? {
            left.remove(&node);
            // An heir that only listens yet would be none.
            ears.forget(&node);
            ears.wait_until_active(|active| !active.is_empty())?;
            cluster.process(&node).terminate()?;
            assert_eq!(cluster.process(&node).wait(LIMIT)?.code(), Some(0), "{node}");
            let mut command = cluster.command(&node);
            if says_more {
                command.args(["--peer", &router.ipv4.to_string()]);
            }
            cluster.start_command(&node, command)?;
        }
        if says_more {
            ears.wait_until_active(|active| names.iter().all(|name| active.contains_key(name)))?;
            assert_eq!(ears.says_more(), names);
        }
    }
    let answered = probing.report().answered();
    probing.wait_for_answers(answered + 300, LIMIT)?;
    let report = probing.stop();
    assert!(report.reigns().len() > 2, "it was moved, there and back: {report}");
    Ok(report)
}

/// The owner of the address, if it is among these; else any.
fn next(cluster: &Cluster, left: &BTreeSet<String>) -> Result<Option<String>, Box<dyn Error>> {
    let owner = cluster.wait_for_page(&page(VIP))?;
    Ok(left.get(&owner).or_else(|| left.first()).cloned())
}

/// Makes nodes that send their beacons here, and not to all, nodes of a later version for those who
/// hear them: an item that nobody knows is put behind, and all of it is sent on to all.
struct Later {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Later {
    fn start(at: &Node) -> Result<Self, Box<dyn Error>> {
        let own = ipv4(at)?;
        let socket = at.run(move || open(own, own))??;
        let done = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&done);
        let thread = at.start(move || {
            while !end.load(Ordering::Acquire) {
                let Ok(mut datagram) = receive(&socket) else { continue };
                // An agreement goes by the same port, and has no version to come.
                if datagram.starts_with(b"VB") {
                    datagram.extend(UNKNOWN);
                }
                // Lost, as any datagram may be.
                let _ = socket.send_to(&datagram, (GROUP, PORT));
            }
        })?;
        Ok(Self { done, thread: Some(thread) })
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Hears what nodes say to all.
struct Ears {
    socket: UdpSocket,
    /// The life of each node that is past listening, and whether it is of the later version.
    active: BTreeMap<String, (u64, bool)>,
    /// Lives that are over.
    over: BTreeMap<String, u64>,
}

impl Ears {
    fn open(at: &Node) -> Result<Self, Box<dyn Error>> {
        let own = ipv4(at)?;
        let socket = at.run(move || open(GROUP, own))??;
        Ok(Self { socket, active: BTreeMap::new(), over: BTreeMap::new() })
    }

    /// This life of the node counts no more.
    fn forget(&mut self, node: &str) {
        if let Some((life, _)) = self.active.remove(node) {
            self.over.insert(node.to_owned(), life);
        }
    }

    /// Waits until enough nodes may claim.
    fn wait_until_active(
        &mut self,
        enough: impl Fn(&BTreeMap<String, (u64, bool)>) -> bool,
    ) -> TestResult {
        let start = Instant::now();
        while !enough(&self.active) {
            if start.elapsed() > LIMIT {
                return Err(format!("past listening are only {:?}", self.active).into());
            }
            let Ok(datagram) = receive(&self.socket) else { continue };
            let Some((name, life, starting)) = read(&datagram) else { continue };
            if !starting && self.over.get(&name).is_none_or(|over| life > *over) {
                self.active.insert(name, (life, datagram.ends_with(&UNKNOWN)));
            }
        }
        Ok(())
    }

    /// The nodes of the later version.
    fn says_more(&self) -> BTreeSet<String> {
        let later = self.active.iter().filter(|(_, (_, says_more))| *says_more);
        later.map(|(name, _)| name.clone()).collect()
    }
}

/// A socket of the beacons' port, for what is sent to this address; it waits for a moment at most.
fn open(to: Ipv4Addr, own: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_multicast_if_v4(&own)?;
    // A neighbour's: all else is dropped.
    socket.set_multicast_ttl_v4(255)?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    socket.bind(&SocketAddr::V4(SocketAddrV4::new(to, PORT)).into())?;
    if to == GROUP {
        socket.join_multicast_v4(&GROUP, &own)?;
    }
    Ok(socket.into())
}

fn receive(socket: &UdpSocket) -> io::Result<Vec<u8>> {
    let mut datagram = vec![0; 2048];
    let len = socket.recv(&mut datagram)?;
    datagram.truncate(len);
    Ok(datagram)
}

fn ipv4(node: &Node) -> Result<Ipv4Addr, String> {
    match node.ipv4 {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(address) => Err(format!("{address} is not IPv4")),
    }
}

/// Who sends a beacon, in which life, and whether it only listens.
fn read(datagram: &[u8]) -> Option<(String, u64, bool)> {
    let mut items = datagram.strip_prefix(b"VB")?.get(ITEMS - 2..)?;
    let (mut name, mut life, mut starting) = (None, None, None);
    while let [kind, high, low, rest @ ..] = items {
        let (value, next) = rest.split_at_checked(u16::from_be_bytes([*high, *low]).into())?;
        match *kind {
            NAME => name = String::from_utf8(value.to_vec()).ok(),
            SENDER => life = value.first_chunk().map(|octets| u64::from_be_bytes(*octets)),
            STATE => starting = value.first().map(|flags| flags & 1 != 0),
            _ => {}
        }
        items = next;
    }
    Some((name?, life?, starting?))
}
