use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::bail;
use clap::Parser;
use vipcast_announcer::bgp::{
    Neighbor,
    proto::{Asn, HoldTime, PeerConfig, RouterId, wire::NextHop},
};

/// Tell BGP routers of the prefixes in a file.
///
/// It dials each router, again and again until it answers, and announces what the file says; with
/// --listen the router may dial, too. It prints when a session is established, how long it took to announce everything,
/// and why a session was lost, in the words of the RFCs. SIGTERM (or Ctrl-C) marks all routes with the community of a
/// graceful shutdown, waits for the routers to move the traffic, and says Cease; a second one does not wait.
#[derive(Debug, Parser)]
#[command(name = "announce", version, after_long_help = FILE, after_help = "The whole story: announce --help")]
pub(crate) struct Options {
    /// A router to dial; may be repeated.
    #[arg(long = "peer", value_name = "ADDR:PORT", required = true)]
    pub(crate) peers: Vec<SocketAddr>,
    /// Our AS.
    #[arg(long, value_name = "N", value_parser = asn)]
    pub(crate) local_as: Asn,
    /// The routers' AS: one for all, or one for each --peer, in the same order.
    #[arg(long = "peer-as", value_name = "N", required = true, value_parser = asn)]
    pub(crate) peer_as: Vec<Asn>,
    /// Our BGP Identifier: four octets, unique in our AS, by custom an IPv4 address of this machine.
    #[arg(long, value_name = "A.B.C.D", value_parser = router_id)]
    pub(crate) router_id: RouterId,
    /// The file of prefixes; see below.
    #[arg(long, value_name = "FILE")]
    pub(crate) routes: PathBuf,
    /// The next hop of prefixes whose line has none; at most one a family [default: our address in the session].
    ///
    /// IPv6 prefixes over an IPv4 session have no default: without this they are not announced.
    #[arg(long = "next-hop", value_name = "A")]
    pub(crate) next_hops: Vec<IpAddr>,
    /// Let the routers dial in, too; may be repeated. Others are let go at once.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Vec<SocketAddr>,
    /// Never dial: wait for the routers to do it.
    #[arg(long, requires = "listen")]
    pub(crate) passive: bool,
    /// Apply edits of the file while it runs, by the smallest UPDATEs that tell the difference.
    ///
    /// An edit with a broken line is refused whole, and what was announced stays.
    #[arg(long)]
    pub(crate) follow: bool,
    /// Dial from this address [default: the kernel's choice].
    #[arg(long, value_name = "A")]
    pub(crate) bind: Option<IpAddr>,
    /// Give a router up that has been silent for so long: 0 for never, or at least 3. The smaller of both sides' counts.
    #[arg(long, value_name = "SECONDS", default_value = "90", value_parser = hold_time)]
    pub(crate) hold_time: HoldTime,
    /// How long the routers have to move the traffic before the sessions end.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub(crate) drain: Duration,
}

const FILE: &str = "\
The file has one prefix a line; # begins a comment:

  PREFIX [NEXT-HOP] [community A:B]... [local-pref N] [med N]

  203.0.113.10/32
  203.0.113.11/32  192.0.2.7  community 65001:100 community 65001:200
  2001:db8::10/128  med 50
  198.51.100.0/24  local-pref 200        # only routers of our own AS see the preference

Prefixes with equal attributes share their UPDATEs. A line that cannot be read is refused, with its number.

Examples:
  announce --peer 192.0.2.1:179 --local-as 65001 --peer-as 65000 --router-id 192.0.2.7 --routes vips
  announce --peer 192.0.2.1:179 --peer '[2001:db8::1]:179' --local-as 65001 --peer-as 65000 \\
           --router-id 192.0.2.7 --routes vips --follow --listen 0.0.0.0:179 --hold-time 9";

impl Options {
    /// The neighbors, ready to be added.
    pub(crate) fn neighbors(&self) -> anyhow::Result<Vec<Neighbor>> {
        if self.peer_as.len() != 1 && self.peer_as.len() != self.peers.len() {
            let (peers, numbers) = (self.peers.len(), self.peer_as.len());
            bail!(
                "{peers} times --peer and {numbers} times --peer-as: give one AS for all, or one for each"
            );
        }
        let (mut next_hop_v4, mut next_hop_v6) = (None, None);
        for &address in &self.next_hops {
            let before = match address {
                IpAddr::V4(address) => next_hop_v4.replace(NextHop::V4(address)),
                IpAddr::V6(global) => next_hop_v6.replace(NextHop::V6 { global, link_local: None }),
            };
            if before.is_some() {
                bail!("--next-hop {address}: there is one of this family already");
            }
        }
        let numbers = self.peer_as.iter().cycle();
        Ok(std::iter::zip(&self.peers, numbers)
            .map(|(&remote, &peer_as)| {
                let mut session = PeerConfig::new(self.local_as, peer_as);
                session.hold_time = self.hold_time;
                session.passive = self.passive;
                session.extended_next_hop = true;
                (session.next_hop_v4, session.next_hop_v6) = (next_hop_v4, next_hop_v6);
                let mut neighbor = Neighbor::new(remote, session);
                neighbor.source = self.bind;
                neighbor
            })
            .collect())
    }
}

fn asn(text: &str) -> Result<Asn, String> {
    match text.parse() {
        Ok(0) => Err("0 is no AS (RFC 7607)".to_owned()),
        Ok(number) => Ok(Asn(number)),
        Err(_) => Err("an AS is a number from 1 to 4294967295".to_owned()),
    }
}

fn router_id(text: &str) -> Result<RouterId, String> {
    let address: Ipv4Addr = text.parse().map_err(|_| "write it as A.B.C.D".to_owned())?;
    RouterId::from_addr(address).ok_or_else(|| "0.0.0.0 is no identifier (RFC 6286)".to_owned())
}

fn hold_time(text: &str) -> Result<HoldTime, String> {
    let seconds = text.parse().map_err(|_| "0 to 65535 seconds".to_owned())?;
    HoldTime::from_secs(seconds).ok_or_else(|| "1 and 2 are not allowed (RFC 4271)".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "a number of seconds, not negative".to_owned())
}
