use alloc::vec::Vec;
use core::{fmt, time::Duration};

use super::{Afi, CapabilityCode, EncodeError, Family, Safi, reader::Reader};
use crate::Asn;

/// What one side can do, as its OPEN says (RFC 5492).
///
/// A capability whose value does not have the form its code demands is [`Other`](Self::Other), and
/// so has no effect, as an unknown one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capability {
    /// A family besides, or instead of, IPv4 unicast (RFC 4760 §8).
    Multiprotocol(Family),
    /// Answers ROUTE-REFRESH (RFC 2918).
    RouteRefresh,
    /// Next hops of another family than the prefixes: `(family, next hop's AFI)` (RFC 8950).
    ExtendedNextHop(Vec<(Family, Afi)>),
    /// Messages up to 65535 octets (RFC 8654).
    ExtendedMessage,
    /// The sender's role towards us (RFC 9234).
    Role(Role),
    /// Routes outlive the session for a while (RFC 4724, RFC 8538).
    GracefulRestart(GracefulRestart),
    /// The sender's AS, and that AS numbers have four octets (RFC 6793).
    FourOctetAs(Asn),
    /// Several paths a prefix (RFC 7911).
    AddPath(Vec<(Family, AddPathMode)>),
    /// Brackets around the answer to a refresh (RFC 7313).
    EnhancedRouteRefresh,
    /// Routes outlive the session for long (RFC 9494).
    LongLivedGracefulRestart(Vec<LongLivedFamily>),
    /// Any other, carried.
    Other {
        /// The code point.
        code: CapabilityCode,
        /// At most 255 octets.
        value: Vec<u8>,
    },
}

/// The relation to the neighbor, as the sender of the capability sees itself (RFC 9234 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The neighbor is a customer.
    Provider,
    /// A route server.
    RouteServer,
    /// A client of a route server.
    RouteServerClient,
    /// The neighbor is a provider. What a load balancer is to its router.
    Customer,
    /// Neither pays the other.
    Peer,
}

impl Role {
    const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Provider),
            1 => Some(Self::RouteServer),
            2 => Some(Self::RouteServerClient),
            3 => Some(Self::Customer),
            4 => Some(Self::Peer),
            _ => None,
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Provider => 0,
            Self::RouteServer => 1,
            Self::RouteServerClient => 2,
            Self::Customer => 3,
            Self::Peer => 4,
        }
    }

    /// The only role that the neighbor may then have (RFC 9234 §4.2, table 2).
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Provider => Self::Customer,
            Self::Customer => Self::Provider,
            Self::RouteServer => Self::RouteServerClient,
            Self::RouteServerClient => Self::RouteServer,
            Self::Peer => Self::Peer,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provider => "Provider",
            Self::RouteServer => "RS",
            Self::RouteServerClient => "RS-Client",
            Self::Customer => "Customer",
            Self::Peer => "Peer",
        })
    }
}

/// Which directions the sender can do with path identifiers (RFC 7911 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddPathMode {
    /// Can receive several paths.
    Receive,
    /// Can send several paths.
    Send,
    /// Can do both.
    Both,
}

impl AddPathMode {
    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Receive),
            2 => Some(Self::Send),
            3 => Some(Self::Both),
            _ => None,
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Receive => 1,
            Self::Send => 2,
            Self::Both => 3,
        }
    }

    /// Whether it includes receiving.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::Receive | Self::Both)
    }

    /// Whether it includes sending.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::Send | Self::Both)
    }
}

/// The Graceful Restart capability (RFC 4724 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GracefulRestart {
    /// R: the sender has restarted; do not wait for its End-of-RIB.
    pub restarted: bool,
    /// N: most NOTIFICATIONs and a hold timer's expiry keep the routes, too (RFC 8538).
    pub notification: bool,
    /// How long routes are kept without a session: whole seconds, at most 4095.
    pub restart_time: Duration,
    /// The families whose routes are kept; none for a mere helper. At most 63.
    pub families: Vec<GracefulRestartFamily>,
}

/// One family of [`GracefulRestart`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GracefulRestartFamily {
    /// The family.
    pub family: Family,
    /// F: the sender went on forwarding while it restarted.
    pub forwarding: bool,
}

/// One family of [`Capability::LongLivedGracefulRestart`] (RFC 9494 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongLivedFamily {
    /// The family.
    pub family: Family,
    /// F: the sender went on forwarding while it restarted.
    pub forwarding: bool,
    /// How long stale routes are kept: whole seconds, 24 bits.
    pub stale_time: Duration,
}

const F_BIT: u8 = 0x80;
const R_BIT: u16 = 0x8000;
const N_BIT: u16 = 0x4000;
const RESTART_TIME: u16 = 0x0FFF;

impl Capability {
    /// The code point.
    #[must_use]
    pub const fn code(&self) -> CapabilityCode {
        match self {
            Self::Multiprotocol(_) => CapabilityCode::MULTIPROTOCOL,
            Self::RouteRefresh => CapabilityCode::ROUTE_REFRESH,
            Self::ExtendedNextHop(_) => CapabilityCode::EXTENDED_NEXT_HOP,
            Self::ExtendedMessage => CapabilityCode::EXTENDED_MESSAGE,
            Self::Role(_) => CapabilityCode::ROLE,
            Self::GracefulRestart(_) => CapabilityCode::GRACEFUL_RESTART,
            Self::FourOctetAs(_) => CapabilityCode::FOUR_OCTET_AS,
            Self::AddPath(_) => CapabilityCode::ADD_PATH,
            Self::EnhancedRouteRefresh => CapabilityCode::ENHANCED_ROUTE_REFRESH,
            Self::LongLivedGracefulRestart(_) => CapabilityCode::LONG_LIVED_GRACEFUL_RESTART,
            Self::Other { code, .. } => *code,
        }
    }

    pub(crate) fn decode(code: CapabilityCode, value: &[u8]) -> Self {
        Self::decode_known(code, value)
            .unwrap_or_else(|| Self::Other { code, value: value.to_vec() })
    }

    /// `None` for an unknown code, and for a value that does not have the form of a known one.
    fn decode_known(code: CapabilityCode, value: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let capability = match code {
            CapabilityCode::MULTIPROTOCOL => {
                let afi = Afi(reader.u16()?);
                let _reserved = reader.u8()?;
                Self::Multiprotocol(Family::new(afi, Safi(reader.u8()?)))
            }
            CapabilityCode::ROUTE_REFRESH => Self::RouteRefresh,
            CapabilityCode::EXTENDED_NEXT_HOP => Self::ExtendedNextHop(list(&mut reader, |r| {
                let afi = Afi(r.u16()?);
                let safi = Safi(u8::try_from(r.u16()?).ok()?);
                Some((Family::new(afi, safi), Afi(r.u16()?)))
            })?),
            CapabilityCode::EXTENDED_MESSAGE => Self::ExtendedMessage,
            CapabilityCode::ROLE => Self::Role(Role::from_code(reader.u8()?)?),
            CapabilityCode::GRACEFUL_RESTART => {
                let head = reader.u16()?;
                Self::GracefulRestart(GracefulRestart {
                    restarted: head & R_BIT != 0,
                    notification: head & N_BIT != 0,
                    restart_time: Duration::from_secs(u64::from(head & RESTART_TIME)),
                    families: list(&mut reader, |r| {
                        Some(GracefulRestartFamily {
                            family: family(r)?,
                            forwarding: r.u8()? & F_BIT != 0,
                        })
                    })?,
                })
            }
            CapabilityCode::FOUR_OCTET_AS => Self::FourOctetAs(Asn(reader.u32()?)),
            CapabilityCode::ADD_PATH => Self::AddPath(list(&mut reader, |r| {
                Some((family(r)?, AddPathMode::from_code(r.u8()?)?))
            })?),
            CapabilityCode::ENHANCED_ROUTE_REFRESH => Self::EnhancedRouteRefresh,
            CapabilityCode::LONG_LIVED_GRACEFUL_RESTART => {
                Self::LongLivedGracefulRestart(list(&mut reader, |r| {
                    let family = family(r)?;
                    let forwarding = r.u8()? & F_BIT != 0;
                    let [a, b, c] = r.array()?;
                    Some(LongLivedFamily {
                        family,
                        forwarding,
                        stale_time: Duration::from_secs(u64::from(u32::from_be_bytes([
                            0, a, b, c,
                        ]))),
                    })
                })?)
            }
            _ => return None,
        };
        reader.is_empty().then_some(capability)
    }

    /// Appends code, length and value.
    pub(crate) fn encode(&self, buf: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = buf.len();
        buf.extend_from_slice(&[self.code().0, 0]);
        self.put_value(buf);
        let len = u8::try_from(buf.len() - start - 2).map_err(|_| EncodeError::FieldTooLong);
        match (len, buf.get_mut(start + 1)) {
            (Ok(len), Some(slot)) => *slot = len,
            (Err(error), _) => {
                buf.truncate(start);
                return Err(error);
            }
            (Ok(_), None) => {}
        }
        Ok(())
    }

    fn put_value(&self, buf: &mut Vec<u8>) {
        match self {
            Self::Multiprotocol(family) => {
                buf.extend_from_slice(&family.afi.0.to_be_bytes());
                buf.extend_from_slice(&[0, family.safi.0]);
            }
            Self::RouteRefresh | Self::ExtendedMessage | Self::EnhancedRouteRefresh => {}
            Self::ExtendedNextHop(list) => {
                for (family, next_hop) in list {
                    buf.extend_from_slice(&family.afi.0.to_be_bytes());
                    buf.extend_from_slice(&[0, family.safi.0]);
                    buf.extend_from_slice(&next_hop.0.to_be_bytes());
                }
            }
            Self::Role(role) => buf.push(role.code()),
            Self::GracefulRestart(restart) => {
                let mut head = whole_seconds(restart.restart_time, RESTART_TIME);
                head |= if restart.restarted { R_BIT } else { 0 };
                head |= if restart.notification { N_BIT } else { 0 };
                buf.extend_from_slice(&head.to_be_bytes());
                for entry in &restart.families {
                    put_family(buf, entry.family);
                    buf.push(if entry.forwarding { F_BIT } else { 0 });
                }
            }
            Self::FourOctetAs(asn) => buf.extend_from_slice(&asn.0.to_be_bytes()),
            Self::AddPath(list) => {
                for (family, mode) in list {
                    put_family(buf, *family);
                    buf.push(mode.code());
                }
            }
            Self::LongLivedGracefulRestart(list) => {
                for entry in list {
                    put_family(buf, entry.family);
                    buf.push(if entry.forwarding { F_BIT } else { 0 });
                    let seconds = entry.stale_time.as_secs().min(0xFF_FFFF);
                    let [.., a, b, c] = seconds.to_be_bytes();
                    buf.extend_from_slice(&[a, b, c]);
                }
            }
            Self::Other { value, .. } => buf.extend_from_slice(value),
        }
    }
}

fn family(reader: &mut Reader<'_>) -> Option<Family> {
    Some(Family::new(Afi(reader.u16()?), Safi(reader.u8()?)))
}

fn put_family(buf: &mut Vec<u8>, family: Family) {
    buf.extend_from_slice(&family.afi.0.to_be_bytes());
    buf.push(family.safi.0);
}

/// Items up to the end; `None` if the last one is cut, or one is not understood.
fn list<'a, T>(
    reader: &mut Reader<'a>,
    mut item: impl FnMut(&mut Reader<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    let mut items = Vec::new();
    while !reader.is_empty() {
        items.push(item(reader)?);
    }
    Some(items)
}

/// Whole seconds, not above `max`.
fn whole_seconds(duration: Duration, max: u16) -> u16 {
    u16::try_from(duration.as_secs()).unwrap_or(max).min(max)
}
