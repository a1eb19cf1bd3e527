use alloc::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

/// Folds addresses into prefixes of a fixed length, and says which of those come and go.
///
/// ```
/// use vipcast_bgp_proto::Aggregation;
///
/// let mut aggregation = Aggregation::new(24, 64);
/// let covering = "192.0.2.0/24".parse().unwrap();
/// assert_eq!(aggregation.insert("192.0.2.1/32".parse().unwrap()), Some(covering));
/// assert_eq!(aggregation.insert("192.0.2.2/32".parse().unwrap()), None);
/// assert_eq!(aggregation.remove("192.0.2.1/32".parse().unwrap()), None);
/// assert_eq!(aggregation.remove("192.0.2.2/32".parse().unwrap()), Some(covering));
/// ```
#[derive(Clone, Debug)]
pub struct Aggregation {
    ipv4_len: u8,
    ipv6_len: u8,
    contributors: BTreeSet<IpNet>,
    /// How many contributors each covering prefix has.
    covering: BTreeMap<IpNet, usize>,
}

impl Aggregation {
    /// Covering prefixes of these lengths; 32 and 128 change nothing, and no more is possible.
    #[must_use]
    pub fn new(ipv4_len: u8, ipv6_len: u8) -> Self {
        Self {
            ipv4_len: ipv4_len.min(32),
            ipv6_len: ipv6_len.min(128),
            contributors: BTreeSet::new(),
            covering: BTreeMap::new(),
        }
    }

    /// The prefix that covers `prefix`; itself where it is shorter than the wanted length.
    #[must_use]
    pub fn cover(&self, prefix: IpNet) -> IpNet {
        let len = match prefix {
            IpNet::V4(_) => self.ipv4_len,
            IpNet::V6(_) => self.ipv6_len,
        };
        let len = len.min(prefix.prefix_len());
        IpNet::new(prefix.addr(), len).map_or(prefix, |covering| covering.trunc())
    }

    /// Adds a contributor. The covering prefix, if it is the first under it.
    pub fn insert(&mut self, prefix: IpNet) -> Option<IpNet> {
        if !self.contributors.insert(prefix) {
            return None;
        }
        let covering = self.cover(prefix);
        let count = self.covering.entry(covering).or_default();
        *count += 1;
        (*count == 1).then_some(covering)
    }

    /// Takes a contributor away. The covering prefix, if it was the last under it.
    pub fn remove(&mut self, prefix: IpNet) -> Option<IpNet> {
        if !self.contributors.remove(&prefix) {
            return None;
        }
        let covering = self.cover(prefix);
        let count = self.covering.get_mut(&covering)?;
        *count -= 1;
        if *count > 0 {
            return None;
        }
        self.covering.remove(&covering);
        Some(covering)
    }
}
