use core::time::Duration;

/// How a [`Responder`](crate::Responder) behaves. The default is what RFC 5227 and RFC 4861 say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponderConfig {
    /// How often a granted address is announced. `ANNOUNCE_NUM` of RFC 5227 §1.1: 2.
    pub announcements: u32,
    /// The time between two announcements of an address. `ANNOUNCE_INTERVAL`: 2 s.
    pub announce_interval: Duration,
    /// How often a granted IPv6 address is advertised. `MAX_NEIGHBOR_ADVERTISEMENT` of RFC 4861 §10:
    /// 3.
    pub advertisements: u32,
    /// The time between two advertisements of an address. `RETRANS_TIMER`: 1 s.
    pub advertise_interval: Duration,
    /// How many answers may wait for a full transport. More questions are refused.
    pub answer_queue: usize,
}

impl Default for ResponderConfig {
    fn default() -> Self {
        Self {
            announcements: 2,
            announce_interval: Duration::from_secs(2),
            advertisements: 3,
            advertise_interval: Duration::from_secs(1),
            answer_queue: 1024,
        }
    }
}
