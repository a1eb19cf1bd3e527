use std::{collections::BTreeMap, fmt, time::Duration};

use vipcast_election::{Segment, Unit, beacon::wire::Refusal, placement::MOVES_WINDOW};
use vipcast_plan::LinkName;
use vipcast_sans_io::Instant;

/// Something wrong that a person should look at, for as long as it goes on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Alarm {
    /// Other nodes elect by beacons on this segment, and this one does not take part.
    ForeignBeacon(Segment),
    /// Another node on the segment has the name of this one.
    SameName(Segment),
    /// A host that is no node of ours answers for an address.
    ForeignAnswer(Unit),
    /// Others find that this node does not answer for an address that it holds.
    NotServed(Unit),
    /// An address changes its holder so often that a fabric may freeze it (RFC 7432 §15.1).
    Restless(Unit),
    /// Beacons on the segment are refused.
    Refused(Segment, Refusal),
    /// Beacons cannot be sent on a link: others will take this node for dead.
    Unsent(LinkName),
    /// Nobody listens for beacons on a link, where this node takes no part in them.
    Unheard(LinkName),
}

/// The alarms that go on, each with what is known of its cause.
pub type Raised = BTreeMap<Alarm, String>;

/// Until when each alarm goes on, if nothing renews it.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    until: BTreeMap<Alarm, Instant>,
}

impl Alarms {
    /// What is seen now is an alarm for a while. Whether that is news.
    pub(super) fn raise(
        &mut self,
        now: Instant,
        raised: &mut Raised,
        alarm: Alarm,
        cause: impl FnOnce() -> String,
    ) -> bool {
        let until = now + alarm.lasts();
        if let Some(known) = self.until.get_mut(&alarm) {
            *known = until;
            return false;
        }
        if self.until.len() >= MOST {
            return false;
        }
        raised.insert(alarm.clone(), cause());
        self.until.insert(alarm, until);
        true
    }

    /// What was not seen for a while is over. Whether there was such.
    pub(super) fn expire(&mut self, now: Instant, raised: &mut Raised) -> bool {
        let before = self.until.len();
        self.until.retain(|_, until| now < *until);
        let news = self.until.len() < before;
        if news {
            raised.retain(|alarm, _| self.until.contains_key(alarm));
        }
        news
    }

    /// When an alarm ends next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.until.values().min().copied()
    }
}

impl Alarm {
    /// A short name that never changes, for machines.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ForeignBeacon(_) => "foreignBeacon",
            Self::SameName(_) => "sameName",
            Self::ForeignAnswer(_) => "foreignAnswer",
            Self::NotServed(_) => "notServed",
            Self::Restless(_) => "restless",
            Self::Refused(..) => "beaconsRefused",
            Self::Unsent(_) => "beaconsUnsent",
            Self::Unheard(_) => "beaconsUnheard",
        }
    }

    /// The segment, the address on it, or the link that it is about.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::ForeignBeacon(segment) | Self::SameName(segment) | Self::Refused(segment, _) => {
                segment.to_string()
            }
            Self::ForeignAnswer(unit) | Self::NotServed(unit) | Self::Restless(unit) => {
                unit.to_string()
            }
            Self::Unsent(link) | Self::Unheard(link) => link.to_string(),
        }
    }

    fn lasts(&self) -> Duration {
        match self {
            Self::Restless(_) => MOVES_WINDOW,
            _ => LASTS,
        }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForeignBeacon(segment) => write!(
                f,
                "OTHER NODES ELECT ON {segment}, and this one takes no part: addresses may have two \
                 owners; start this one with --key-file too, or with another --beacon-port"
            ),
            Self::SameName(segment) => write!(
                f,
                "ANOTHER NODE ON {segment} HAS THE NAME OF THIS ONE: neither listens to the other; \
                 rename one of them"
            ),
            Self::ForeignAnswer(unit) => {
                write!(f, "a host that is no node of this cluster answers for {unit}")
            }
            Self::NotServed(unit) => write!(
                f,
                "this node holds {unit}, and does not answer others that ask for it: another takes over"
            ),
            Self::Restless(unit) => write!(
                f,
                "{unit} has changed its holder five times in three minutes: a fabric may have frozen \
                 it elsewhere"
            ),
            Self::Refused(segment, why) => write!(f, "a beacon on {segment} is refused: {why}"),
            Self::Unsent(link) => {
                write!(f, "beacons cannot be sent on {link}: others take this node for dead")
            }
            Self::Unheard(link) => {
                write!(f, "nobody can tell whether other nodes elect on {link}")
            }
        }
    }
}

/// How long an alarm goes on after its cause was seen last.
const LASTS: Duration = Duration::from_secs(10);
/// Some alarms are about what others send: no more than so many at a time.
const MOST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_news_once_and_over_when_its_cause_was_not_seen_for_a_while() {
        let (mut alarms, mut raised) = (Alarms::default(), Raised::new());
        let alarm = Alarm::SameName(Segment::new("lan"));
        let at = Instant::from_millis;
        assert!(alarms.raise(at(0), &mut raised, alarm.clone(), || "x".into()));
        assert!(!alarms.raise(at(5_000), &mut raised, alarm.clone(), || "y".into()));
        assert_eq!(raised[&alarm], "x");
        assert!(!alarms.expire(at(14_999), &mut raised));
        assert_eq!(alarms.due(), Some(at(15_000)));
        assert!(alarms.expire(at(15_000), &mut raised));
        assert!(raised.is_empty());
    }

    #[test]
    fn there_is_a_limit_to_what_strangers_can_raise() {
        let (mut alarms, mut raised) = (Alarms::default(), Raised::new());
        for number in 0..1_000 {
            let alarm = Alarm::SameName(Segment::new(number.to_string()));
            alarms.raise(Instant::ZERO, &mut raised, alarm, String::new);
        }
        assert_eq!(raised.len(), MOST);
    }
}
