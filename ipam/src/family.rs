use core::{fmt, net::IpAddr};

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// Which families a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Families {
    /// One address of this family.
    Single(Family),
    /// An address of each family if that can be had; else one, of the primary family first.
    PreferDual {
        /// The family that is kept when only one can be had.
        primary: Family,
    },
    /// An address of each family, or none at all.
    RequireDual,
}

impl Families {
    /// Whether an address of `family` can be part of the answer.
    #[must_use]
    pub fn includes(self, family: Family) -> bool {
        match self {
            Self::Single(only) => only == family,
            Self::PreferDual { .. } | Self::RequireDual => true,
        }
    }
}

impl fmt::Display for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single(family) => write!(f, "one {family} address"),
            Self::PreferDual { primary } => write!(f, "{primary}, and {} too", primary.other()),
            Self::RequireDual => f.write_str("an IPv4 and an IPv6 address"),
        }
    }
}
