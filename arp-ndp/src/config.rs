use alloc::{vec, vec::Vec};
use core::time::Duration;

use crate::Rate;

/// How a [`Responder`](crate::Responder) behaves. The default is what RFC 5227 and RFC 4861 say,
/// where they say something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponderConfig {
    /// Frames that leave each link on our own account: announcements, questions, probes. Answers
    /// are not among them.
    ///
    /// 200 in a second, 20 at once. A switch that inspects ARP on a port that it does not trust may
    /// shut the port above 15 in a second: trust the port, or allow 10 and 5 here.
    pub pace: Rate,

    /// How often a granted IPv4 address is announced by a request. `ANNOUNCE_NUM` of RFC 5227 §1.1:
    /// 2.
    pub announcements: u32,
    /// The time between two announcements of an address. `ANNOUNCE_INTERVAL`: 2 s.
    pub announce_interval: Duration,
    /// How often a granted IPv4 address is also announced by a reply, for hosts that do not learn
    /// from requests: 2.
    pub replies: u32,
    /// The time between two such replies. 1.1 s, since Linux ignores some changes of an entry within
    /// a second of another.
    pub reply_interval: Duration,
    /// How often a granted IPv6 address is advertised. `MAX_NEIGHBOR_ADVERTISEMENT` of RFC 4861 §10:
    /// 3.
    pub advertisements: u32,
    /// The time between two advertisements of an address. `RETRANS_TIMER`: 1 s.
    pub advertise_interval: Duration,
    /// How often an address is announced after that, give or take a tenth; `None` for never. 60 s:
    /// well below the 300 s after which switches forget where a host is.
    pub refresh: Option<Duration>,

    /// When a neighbour that was asked and did not answer is asked again, counted from the first
    /// question and rising: 20, 60, 200 and 1,100 ms.
    pub ask_again: Vec<Duration>,
    /// How long the last question waits for its answer: 1 s.
    pub ask_timeout: Duration,
    /// How often an address that has not spoken to its gateway asks it again, give or take a tenth,
    /// so that the gateway never forgets it; `None` for never. 60 s.
    pub ask_gateway_every: Option<Duration>,
    /// How many of those who lately asked for an address are asked from it when it is granted: 4.
    pub ask_requesters: usize,
    /// How many of those who asked are remembered on each link: 1,024.
    pub requesters: usize,

    /// An address is defended once in this time. `DEFEND_INTERVAL` of RFC 5227 §1.1: 10 s.
    pub defend_interval: Duration,
    /// How many probes a [`check`](crate::Responder::check) sends. `PROBE_NUM`: 3.
    pub check_probes: u32,
    /// The time between two probes, and from the last one to the verdict. 200 ms: this is a quick
    /// check, which RFC 5227 takes 4 to 7 s for.
    pub check_interval: Duration,

    /// Answers to each hardware address: 1,000 in a second, and as many at once.
    pub answers_per_requester: Rate,
    /// How many hardware addresses that asked are remembered for this: 4,096.
    pub limited_requesters: usize,
    /// Answers to all together: 100,000 in a second, 10,000 at once.
    pub answers_in_all: Rate,
    /// How many answers may wait for a full transport. More questions are refused.
    pub answer_queue: usize,
    /// A question that has waited longer is not answered: the process slept, and whoever asked has
    /// asked again. 500 ms.
    pub gap: Duration,

    /// Where chance comes from. Give each node another.
    pub seed: u64,
}

impl Default for ResponderConfig {
    fn default() -> Self {
        Self {
            pace: Rate { per_second: 200, burst: 20 },
            announcements: 2,
            announce_interval: Duration::from_secs(2),
            replies: 2,
            reply_interval: Duration::from_millis(1_100),
            advertisements: 3,
            advertise_interval: Duration::from_secs(1),
            refresh: Some(Duration::from_secs(60)),
            ask_again: vec![
                Duration::from_millis(20),
                Duration::from_millis(60),
                Duration::from_millis(200),
                Duration::from_millis(1_100),
            ],
            ask_timeout: Duration::from_secs(1),
            ask_gateway_every: Some(Duration::from_secs(60)),
            ask_requesters: 4,
            requesters: 1_024,
            defend_interval: Duration::from_secs(10),
            check_probes: 3,
            check_interval: Duration::from_millis(200),
            answers_per_requester: Rate { per_second: 1_000, burst: 1_000 },
            limited_requesters: 4_096,
            answers_in_all: Rate { per_second: 100_000, burst: 10_000 },
            answer_queue: 1_024,
            gap: Duration::from_millis(500),
            seed: 0,
        }
    }
}
