use std::{
    collections::{BTreeMap, HashMap},
    fs,
    net::IpAddr,
    path::Path,
    str::SplitWhitespace,
    sync::Arc,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use ipnet::IpNet;
use vipcast_announcer::bgp::{
    RouteChange,
    proto::{
        Announcement,
        wire::{Attributes, Community, NextHop},
    },
};

use crate::Shared;

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct Routes(BTreeMap<IpNet, Shared>);

impl Routes {
    /// Reads a file; the error names the line, and says what is wrong with it.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let mut routes = BTreeMap::new();
        let mut shared = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            let (prefix, attributes) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            if prefix.is_empty() {
                continue;
            }
            let at = || format!("line {}", index + 1);
            let prefix = parse_prefix(prefix).with_context(at)?;
            let family = prefix.addr().is_ipv4();
            // Attributes that were read once need not be read again.
            let key = (family, attributes.trim());
            let with = match shared.get(&key) {
                Some(with) => Arc::clone(with),
                None => {
                    let with = Arc::new(parse_attributes(prefix, key.1).with_context(at)?);
                    shared.insert(key, Arc::clone(&with));
                    with
                }
            };
            if routes.insert(prefix, with).is_some() {
                return Err(anyhow!("{prefix} is in a line before already").context(at()));
            }
        }
        Ok(Self(routes))
    }

    /// What makes `before` into this.
    pub(crate) fn since(&self, before: &Self) -> Vec<RouteChange> {
        let gone = before.0.keys().filter(|prefix| !self.0.contains_key(*prefix));
        let withdrawn = gone.map(|prefix| RouteChange::Withdraw(*prefix));
        let new = self.0.iter().filter(|(prefix, with)| before.0.get(*prefix) != Some(*with));
        let announced = new.map(|(prefix, with)| RouteChange::Announce(*prefix, Arc::clone(with)));
        withdrawn.chain(announced).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&IpNet, &Announcement)> {
        self.0.iter().map(|(prefix, with)| (prefix, &**with))
    }
}

fn parse_prefix(text: &str) -> Result<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        bail!("`{text}` has no length: write {}", IpNet::from(address));
    }
    let prefix: IpNet =
        text.parse().map_err(|_| anyhow!("`{text}` is no prefix: write it as 192.0.2.10/32"))?;
    let net = prefix.trunc();
    ensure!(prefix == net, "{prefix} has bits beyond its length: is {net} meant?");
    Ok(net)
}

/// `[NEXT-HOP] [community A:B]... [local-pref N] [med N]`.
fn parse_attributes(prefix: IpNet, text: &str) -> Result<Announcement> {
    let mut attributes = Attributes::default();
    let mut next_hop = None;
    let mut words = text.split_whitespace();
    let mut first = true;
    while let Some(word) = words.next() {
        match word {
            "community" => attributes.communities.push(parse_community(&mut words)?),
            "local-pref" => once(word, &mut attributes.local_pref, &mut words)?,
            "med" => once(word, &mut attributes.med, &mut words)?,
            _ => match word.parse() {
                Ok(address) if first => next_hop = Some(hop(prefix, address)?),
                Ok(IpAddr::V4(_) | IpAddr::V6(_)) => {
                    bail!("the next hop {word} belongs right behind the prefix")
                }
                Err(_) => {
                    bail!("`{word}` is no next hop, nor community, local-pref or med")
                }
            },
        }
        first = false;
    }
    // They are a set: in another order they are not another announcement.
    attributes.communities.sort_unstable();
    attributes.communities.dedup();
    let mut announcement = Announcement::new(attributes);
    announcement.next_hop = next_hop;
    Ok(announcement)
}

fn hop(prefix: IpNet, address: IpAddr) -> Result<NextHop> {
    match (prefix, address) {
        (_, IpAddr::V6(global)) => Ok(NextHop::V6 { global, link_local: None }),
        (IpNet::V4(_), IpAddr::V4(address)) => Ok(NextHop::V4(address)),
        (IpNet::V6(_), IpAddr::V4(_)) => bail!("the next hop of an IPv6 prefix is an IPv6 address"),
    }
}

fn parse_community(words: &mut SplitWhitespace<'_>) -> Result<Community> {
    let text = words.next().context("community what? write it as `community 65001:100`")?;
    let halves = text
        .split_once(':')
        .and_then(|(high, low)| Some(Community::new(high.parse().ok()?, low.parse().ok()?)));
    halves.with_context(|| {
        format!("`{text}` is no community: write two numbers up to 65535, as 65001:100")
    })
}

fn once(name: &str, to: &mut Option<u32>, words: &mut SplitWhitespace<'_>) -> Result<()> {
    let text = words.next().with_context(|| format!("{name} what? write it as `{name} 100`"))?;
    let number = text.parse();
    let number =
        number.map_err(|_| anyhow!("`{text}` is no {name}: it is a number up to 4294967295"))?;
    ensure!(to.replace(number).is_none(), "{name} is given twice");
    Ok(())
}
