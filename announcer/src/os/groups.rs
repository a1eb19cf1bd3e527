use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::Ipv6Addr,
};

use socket2::{Domain, Protocol, Socket, Type};

#[cfg(test)]
mod tests;

/// Memberships in IPv6 multicast groups, so that frames for them pass the network card, and switches
/// that listen to MLD send them here.
///
/// A packet socket cannot ask for that: it would set the card's filter alone, and a switch that
/// snoops would not learn of it. Memberships end with this value. Needs no privilege, and no address
/// on the link.
///
/// The kernel takes its time for each, so [`follow`](Self::follow) only notes what is wanted, and
/// [`proceed`](Self::proceed) does a part of it: who has ten thousand to join can do something else in
/// between.
#[derive(Debug, Default)]
pub struct GroupMemberships {
    sockets: Vec<Member>,
    joined: BTreeMap<Membership, usize>,
    to_join: BTreeSet<Membership>,
    to_leave: BTreeSet<Membership>,
    failed: BTreeMap<Membership, io::Error>,
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
    /// From now on these are wanted, and no others. What could not be joined is to be tried again.
    pub fn follow(&mut self, wanted: &BTreeSet<Membership>) {
        self.to_leave = self.joined.keys().filter(|key| !wanted.contains(key)).copied().collect();
        self.to_join =
            wanted.iter().filter(|key| !self.joined.contains_key(key)).copied().collect();
        self.failed.retain(|key, _| wanted.contains(key));
    }

    /// Joins and leaves at most so many groups, those to be joined first.
    pub fn proceed(&mut self, at_most: usize) {
        for _ in 0..at_most {
            if let Some(membership) = self.to_join.pop_first() {
                match self.join(membership) {
                    Ok(()) => _ = self.failed.remove(&membership),
                    Err(error) => _ = self.failed.insert(membership, error),
                }
            } else if let Some(membership) = self.to_leave.pop_first() {
                self.leave(membership);
            } else {
                return;
            }
        }
    }

    /// Whether [`proceed`](Self::proceed) has something left to do.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        !(self.to_join.is_empty() && self.to_leave.is_empty())
    }

    /// What is joined.
    pub fn joined(&self) -> impl Iterator<Item = Membership> {
        self.joined.keys().copied()
    }

    /// What is wanted and could not be joined, and why.
    #[must_use]
    pub const fn failed(&self) -> &BTreeMap<Membership, io::Error> {
        &self.failed
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
