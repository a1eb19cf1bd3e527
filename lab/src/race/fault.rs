//! What happens to the owner of the address.

use std::time::Duration;

/// One way to fail, or to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The owner's cable is pulled: its carrier is lost.
    Unplug,
    /// The owner's port drops everything, silently.
    Cut,
    /// The machine dies: its port is cut, its processes are killed.
    Death,
    /// Nothing of the owner is heard any more; it still hears.
    CutOut,
    /// Nothing reaches the owner any more; it is still heard.
    CutIn,
    /// The daemon is stopped for two seconds (SIGSTOP, SIGCONT); its kernel goes on.
    Stop,
    /// The daemon is stopped for fifteen seconds.
    LongStop,
    /// The daemon is killed (SIGKILL); its kernel goes on.
    Kill,
    /// The daemon is asked to end (SIGTERM).
    Drain,
    /// The packets of the election to and from the owner are dropped, and no others.
    Beacons,
    /// The owner's ARP for the address is dropped; all else of it passes.
    Muted,
    /// A cut ends after the address has moved.
    Heal,
}

impl Fault {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 12] = [
        Self::Unplug,
        Self::Cut,
        Self::Death,
        Self::CutOut,
        Self::CutIn,
        Self::Stop,
        Self::LongStop,
        Self::Kill,
        Self::Drain,
        Self::Beacons,
        Self::Muted,
        Self::Heal,
    ];

    /// Its name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unplug => "unplug",
            Self::Cut => "cut",
            Self::Death => "death",
            Self::CutOut => "cut-out",
            Self::CutIn => "cut-in",
            Self::Stop => "stop",
            Self::LongStop => "long-stop",
            Self::Kill => "kill",
            Self::Drain => "drain",
            Self::Beacons => "beacons",
            Self::Muted => "muted",
            Self::Heal => "heal",
        }
    }

    /// What the owner suffers, in words, as the heading of a table.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Unplug => "port unplugged (carrier lost)",
            Self::Cut => "port cut (silent, both ways)",
            Self::Death => "node death",
            Self::CutOut => "one-way cut: the owner is not heard",
            Self::CutIn => "one-way cut: the owner does not hear",
            Self::Stop => "SIGSTOP for 2 s, then SIGCONT",
            Self::LongStop => "SIGSTOP for 15 s, then SIGCONT",
            Self::Kill => "SIGKILL of the daemon, the node lives",
            Self::Drain => "SIGTERM (planned stop)",
            Self::Beacons => "only the election's packets lost",
            Self::Muted => "responder muted, heartbeats alive",
            Self::Heal => "cut healed after the takeover",
        }
    }

    /// How many runs a cell of it has.
    pub const fn runs(self) -> usize {
        match self {
            Self::Unplug | Self::Cut | Self::Death | Self::CutOut | Self::CutIn => 20,
            _ => 5,
        }
    }

    /// Whether the client cannot reach the owner any more: such a run is over soon after another node
    /// serves.
    pub(super) const fn severs(self) -> bool {
        matches!(self, Self::Unplug | Self::Cut | Self::Death | Self::CutOut | Self::CutIn)
    }

    /// For how long the daemon is stopped.
    pub(super) const fn stopped_for(self) -> Option<Duration> {
        match self {
            Self::Stop => Some(Duration::from_secs(2)),
            Self::LongStop => Some(Duration::from_secs(15)),
            _ => None,
        }
    }
}
