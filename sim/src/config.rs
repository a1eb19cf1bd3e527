use std::time::Duration;

use crate::Quality;

/// How a network treats its nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// How well segments carry packets, unless a segment is added with a quality of its own.
    pub quality: Quality,
    /// Nodes' clocks show up to this much when the world begins.
    pub most_offset: Duration,
    /// Nodes' clocks run up to this many parts per million too fast or too slow.
    pub most_ppm: u16,
    /// Nodes wake up to this much after their deadline.
    pub most_lateness: Duration,
    /// How many packets wait for a paused node; more are dropped, as by a full socket.
    pub receive_buffer: usize,
    /// How many bytes of a stream wait at its sender, and as many on the way and at its receiver.
    pub stream_buffer: usize,
    /// Whether to keep a transcript. Without one long runs need less memory.
    pub record: bool,
}

impl Config {
    /// Nothing is ever late, lost or off: for tests that expect exact times.
    #[must_use]
    pub const fn exact(latency: Duration) -> Self {
        Self {
            quality: Quality::perfect(latency),
            most_offset: Duration::ZERO,
            most_ppm: 0,
            most_lateness: Duration::ZERO,
            receive_buffer: 256,
            stream_buffer: 65_536,
            record: true,
        }
    }
}

impl Default for Config {
    /// A LAN of ordinary hosts: clocks up to an hour apart and 100 ppm off, wake-ups up to 1 ms late.
    fn default() -> Self {
        Self {
            quality: Quality::lan(),
            most_offset: Duration::from_secs(3_600),
            most_ppm: 100,
            most_lateness: Duration::from_millis(1),
            receive_buffer: 256,
            stream_buffer: 65_536,
            record: true,
        }
    }
}
