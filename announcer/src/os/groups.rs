use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::Ipv6Addr,
};

use socket2::{Domain, Protocol, Socket, Type};

/// Memberships in IPv6 multicast groups, so that frames for them pass the network card, and switches
/// that listen to MLD send them here.
///
/// A packet socket cannot ask for that: it would set the card's filter alone, and a switch that
/// snoops would not learn of it. Memberships end with this value. Needs no privilege, and no address
/// on the link.
#[derive(Debug, Default)]
pub struct GroupMemberships {
    sockets: Vec<Member>,
    joined: BTreeMap<Membership, usize>,
}

/// A group on the link with this index.
pub type Membership = (u32, Ipv6Addr);

#[derive(Debug)]
struct Member {
    socket: Socket,
    groups: usize,
}

/// The kernel limits what one socket may join by `net.core.optmem_max`: some 2,300 groups today, 365
/// with the default of older kernels.
const GROUPS_PER_SOCKET: usize = 256;

impl GroupMemberships {
    /// Joins what is wanted and not joined, leaves what is no longer wanted, and returns what could
    /// not be joined. That is tried again by the next call.
    pub fn follow(&mut self, wanted: &BTreeSet<Membership>) -> BTreeMap<Membership, io::Error> {
        let unwanted = self.joined.keys().filter(|membership| !wanted.contains(membership));
        for membership in unwanted.copied().collect::<Vec<_>>() {
            self.leave(membership);
        }
        let missing = wanted.iter().filter(|membership| !self.joined.contains_key(membership));
        let missing: Vec<Membership> = missing.copied().collect();
        let failed = missing
            .into_iter()
            .filter_map(|membership| self.join(membership).err().map(|error| (membership, error)));
        failed.collect()
    }

    /// What is joined.
    pub fn joined(&self) -> impl Iterator<Item = Membership> {
        self.joined.keys().copied()
    }

    fn join(&mut self, (link, group): Membership) -> io::Result<()> {
        let free = self.sockets.iter().position(|member| member.groups < GROUPS_PER_SOCKET);
        let slot = match free {
            Some(slot) => slot,
            None => {
                let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
                self.sockets.push(Member { socket, groups: 0 });
                self.sockets.len() - 1
            }
        };
        let Some(member) = self.sockets.get_mut(slot) else { return Ok(()) };
        member.socket.join_multicast_v6(&group, link)?;
        member.groups += 1;
        self.joined.insert((link, group), slot);
        Ok(())
    }

    /// A link that is gone has taken its memberships with it: then there is nothing to leave.
    fn leave(&mut self, (link, group): Membership) {
        let slot = self.joined.remove(&(link, group));
        let Some(member) = slot.and_then(|slot| self.sockets.get_mut(slot)) else { return };
        let _ = member.socket.leave_multicast_v6(&group, link);
        member.groups -= 1;
    }
}
