//! Code points. Each registry is open: a value without a name is carried and printed as a number.

use core::fmt;

/// A registry: a newtype, its named constants, and printing by name.
macro_rules! registry {
    ($(#[$meta:meta])* $name:ident($repr:ty) { $($(#[$item:meta])* $konst:ident = $value:literal, $text:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $repr);

        impl $name {
            $($(#[$item])* #[doc = concat!("`", stringify!($value), "`: ", $text, ".")] pub const $konst: Self = Self($value);)*

            /// The registered name, if this crate knows it.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{}", self.0),
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => write!(f, "{}({}: {name})", stringify!($name), self.0),
                    None => write!(f, "{}({})", stringify!($name), self.0),
                }
            }
        }
    };
}

registry! {
    /// Address Family Identifier (RFC 4760).
    Afi(u16) {
        IPV4 = 1, "IPv4";
        IPV6 = 2, "IPv6";
    }
}

registry! {
    /// Subsequent Address Family Identifier (RFC 4760).
    Safi(u8) {
        UNICAST = 1, "unicast";
        MULTICAST = 2, "multicast";
        LABELED = 4, "labeled unicast";
        VPN = 128, "VPN";
    }
}

/// A pair of [`Afi`] and [`Safi`]: what a session carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family {
    /// The network layer protocol.
    pub afi: Afi,
    /// What the prefixes are for.
    pub safi: Safi,
}

impl Family {
    /// IPv4 unicast, 1/1.
    pub const IPV4_UNICAST: Self = Self::new(Afi::IPV4, Safi::UNICAST);
    /// IPv6 unicast, 2/1.
    pub const IPV6_UNICAST: Self = Self::new(Afi::IPV6, Safi::UNICAST);

    /// The pair.
    #[must_use]
    pub const fn new(afi: Afi, safi: Safi) -> Self {
        Self { afi, safi }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.afi, self.safi)
    }
}

registry! {
    /// The type of a message (RFC 4271 §4.1).
    MessageType(u8) {
        OPEN = 1, "OPEN";
        UPDATE = 2, "UPDATE";
        NOTIFICATION = 3, "NOTIFICATION";
        KEEPALIVE = 4, "KEEPALIVE";
        ROUTE_REFRESH = 5, "ROUTE-REFRESH";
    }
}

registry! {
    /// A capability (RFC 5492).
    CapabilityCode(u8) {
        MULTIPROTOCOL = 1, "Multiprotocol Extensions";
        ROUTE_REFRESH = 2, "Route Refresh";
        EXTENDED_NEXT_HOP = 5, "Extended Next Hop Encoding";
        EXTENDED_MESSAGE = 6, "BGP Extended Message";
        ROLE = 9, "BGP Role";
        GRACEFUL_RESTART = 64, "Graceful Restart";
        FOUR_OCTET_AS = 65, "4-octet AS number";
        ADD_PATH = 69, "ADD-PATH";
        ENHANCED_ROUTE_REFRESH = 70, "Enhanced Route Refresh";
        LONG_LIVED_GRACEFUL_RESTART = 71, "Long-Lived Graceful Restart";
        FQDN = 73, "FQDN";
        BFD_STRICT_MODE = 74, "BFD Strict-Mode";
        SOFTWARE_VERSION = 75, "Software Version";
        PATHS_LIMIT = 76, "Paths-Limit";
        LINK_LOCAL_NEXT_HOP = 77, "Link-Local Next Hop";
    }
}

registry! {
    /// The type code of a path attribute (RFC 4271 §5 and others).
    AttributeType(u8) {
        ORIGIN = 1, "ORIGIN";
        AS_PATH = 2, "AS_PATH";
        NEXT_HOP = 3, "NEXT_HOP";
        MULTI_EXIT_DISC = 4, "MULTI_EXIT_DISC";
        LOCAL_PREF = 5, "LOCAL_PREF";
        ATOMIC_AGGREGATE = 6, "ATOMIC_AGGREGATE";
        AGGREGATOR = 7, "AGGREGATOR";
        COMMUNITIES = 8, "COMMUNITIES";
        ORIGINATOR_ID = 9, "ORIGINATOR_ID";
        CLUSTER_LIST = 10, "CLUSTER_LIST";
        MP_REACH_NLRI = 14, "MP_REACH_NLRI";
        MP_UNREACH_NLRI = 15, "MP_UNREACH_NLRI";
        EXTENDED_COMMUNITIES = 16, "EXTENDED COMMUNITIES";
        AS4_PATH = 17, "AS4_PATH";
        AS4_AGGREGATOR = 18, "AS4_AGGREGATOR";
        IPV6_EXTENDED_COMMUNITIES = 25, "IPv6 EXTENDED COMMUNITIES";
        AIGP = 26, "AIGP";
        BGP_LS = 29, "BGP-LS";
        LARGE_COMMUNITIES = 32, "LARGE COMMUNITIES";
        ONLY_TO_CUSTOMER = 35, "ONLY_TO_CUSTOMER";
        PREFIX_SID = 40, "BGP Prefix-SID";
    }
}

registry! {
    /// The first code of a NOTIFICATION (RFC 4271 §4.5).
    ErrorCode(u8) {
        HEADER = 1, "Message Header Error";
        OPEN = 2, "OPEN Message Error";
        UPDATE = 3, "UPDATE Message Error";
        HOLD_TIMER = 4, "Hold Timer Expired";
        FSM = 5, "Finite State Machine Error";
        CEASE = 6, "Cease";
        ROUTE_REFRESH = 7, "ROUTE-REFRESH Message Error";
        SEND_HOLD_TIMER = 8, "Send Hold Timer Expired";
    }
}

registry! {
    /// Subcodes of [`ErrorCode::HEADER`] (RFC 4271 §6.1).
    HeaderSubcode(u8) {
        NOT_SYNCHRONIZED = 1, "Connection Not Synchronized";
        BAD_LENGTH = 2, "Bad Message Length";
        BAD_TYPE = 3, "Bad Message Type";
    }
}

registry! {
    /// Subcodes of [`ErrorCode::OPEN`] (RFC 4271 §6.2, RFC 5492 §5, RFC 9234 §4.2).
    OpenSubcode(u8) {
        UNSPECIFIC = 0, "Unspecific";
        UNSUPPORTED_VERSION = 1, "Unsupported Version Number";
        BAD_PEER_AS = 2, "Bad Peer AS";
        BAD_BGP_IDENTIFIER = 3, "Bad BGP Identifier";
        UNSUPPORTED_PARAMETER = 4, "Unsupported Optional Parameter";
        UNACCEPTABLE_HOLD_TIME = 6, "Unacceptable Hold Time";
        UNSUPPORTED_CAPABILITY = 7, "Unsupported Capability";
        ROLE_MISMATCH = 11, "Role Mismatch";
    }
}

registry! {
    /// Subcodes of [`ErrorCode::UPDATE`] (RFC 4271 §6.3).
    UpdateSubcode(u8) {
        MALFORMED_ATTRIBUTE_LIST = 1, "Malformed Attribute List";
        UNRECOGNIZED_WELL_KNOWN = 2, "Unrecognized Well-known Attribute";
        MISSING_WELL_KNOWN = 3, "Missing Well-known Attribute";
        ATTRIBUTE_FLAGS = 4, "Attribute Flags Error";
        ATTRIBUTE_LENGTH = 5, "Attribute Length Error";
        INVALID_ORIGIN = 6, "Invalid ORIGIN Attribute";
        INVALID_NEXT_HOP = 8, "Invalid NEXT_HOP Attribute";
        OPTIONAL_ATTRIBUTE = 9, "Optional Attribute Error";
        INVALID_NETWORK_FIELD = 10, "Invalid Network Field";
        MALFORMED_AS_PATH = 11, "Malformed AS_PATH";
    }
}

registry! {
    /// Subcodes of [`ErrorCode::FSM`] (RFC 6608); the data is the type of the unexpected message.
    FsmSubcode(u8) {
        UNSPECIFIED = 0, "Unspecified Error";
        OPEN_SENT = 1, "Receive Unexpected Message in OpenSent State";
        OPEN_CONFIRM = 2, "Receive Unexpected Message in OpenConfirm State";
        ESTABLISHED = 3, "Receive Unexpected Message in Established State";
    }
}

registry! {
    /// Subcodes of [`ErrorCode::CEASE`] (RFC 4486, RFC 8538, RFC 9384).
    CeaseSubcode(u8) {
        UNSPECIFIED = 0, "Unspecified";
        MAXIMUM_PREFIXES = 1, "Maximum Number of Prefixes Reached";
        ADMINISTRATIVE_SHUTDOWN = 2, "Administrative Shutdown";
        PEER_DE_CONFIGURED = 3, "Peer De-configured";
        ADMINISTRATIVE_RESET = 4, "Administrative Reset";
        CONNECTION_REJECTED = 5, "Connection Rejected";
        OTHER_CONFIGURATION_CHANGE = 6, "Other Configuration Change";
        COLLISION_RESOLUTION = 7, "Connection Collision Resolution";
        OUT_OF_RESOURCES = 8, "Out of Resources";
        HARD_RESET = 9, "Hard Reset";
        BFD_DOWN = 10, "BFD Down";
    }
}

registry! {
    /// Subcodes of [`ErrorCode::ROUTE_REFRESH`] (RFC 7313 §5).
    RefreshSubcode(u8) {
        INVALID_LENGTH = 1, "Invalid Message Length";
    }
}

registry! {
    /// What a ROUTE-REFRESH says (RFC 7313 §3.2).
    RefreshSubtype(u8) {
        REQUEST = 0, "request";
        BEGIN = 1, "BoRR";
        END = 2, "EoRR";
    }
}
