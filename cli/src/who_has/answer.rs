//! From a report to an answer, and from an answer to lines for people.

use std::net::IpAddr;

use vipcast_announcer::{Report, agreement::Standing, clock::Clock, layer2::Control};

use super::protocol::{Answer, Assigner, Held, Neighbour, VERSION, Withheld};

impl Answer {
    /// What this node knows of the address.
    pub(super) fn new(node: &str, report: &Report, control: &Control, address: IpAddr) -> Self {
        let now = Clock::now();
        let claims = report.claims.iter().filter(|(unit, _)| unit.address == address);
        let held = claims.map(|(unit, claim)| {
            let here = claim.holder.as_str() == node;
            let lease = report.leases.get(unit).and_then(|lease| control.not_after(*lease));
            let announced = report.announcing.iter().filter(|(announced, _)| {
                announced.address == address && announced.segment.as_str() == unit.segment.as_str()
            });
            let links = announced.flat_map(|(_, announcement)| &announcement.links);
            let links: Vec<String> = links.map(ToString::to_string).collect();
            let neighbours = report.heard.iter().filter(|((asker, link, _), _)| {
                *asker == address && links.iter().any(|known| known == link.as_str())
            });
            let neighbours = neighbours.map(|((_, link, neighbour), heard)| Neighbour {
                address: Some(*neighbour),
                link: link.to_string(),
                gateway: heard.gateway,
                answered_after_seconds: heard.after.map(|after| after.as_secs_f64()),
            });
            let conflicts = report.conflicts.iter().filter(|((at, link), _)| {
                *at == address && links.iter().any(|known| known == link.as_str())
            });
            Held {
                segment: unit.segment.to_string(),
                holder: claim.holder.to_string(),
                here,
                for_seconds: now.saturating_duration_since(claim.since).as_secs_f64(),
                epoch: claim.epoch.map(|epoch| epoch.0),
                lease_ends_in_seconds: lease
                    .map(|until| until.saturating_duration_since(now).as_secs_f64()),
                neighbours: neighbours.collect(),
                conflicts: conflicts.map(|(_, seen)| seen.other.to_string()).collect(),
                links,
            }
        });
        let withheld = report.withheld.iter().filter(|withheld| withheld.address == Some(address));
        let withheld = withheld.map(|withheld| Withheld {
            service: withheld.service.to_string(),
            segment: withheld.segment.as_ref().map(ToString::to_string),
            reason: withheld.reason.name().to_owned(),
            text: withheld.reason.to_string(),
        });
        Self {
            version: VERSION,
            node: node.to_owned(),
            held: held.collect(),
            withheld: withheld.collect(),
            assigner: None,
            error: None,
        }
    }

    pub(super) fn refusal(error: impl Into<String>) -> Self {
        Self { version: VERSION, error: Some(error.into()), ..Self::default() }
    }

    /// For people.
    pub(super) fn lines(&self, address: IpAddr) -> Vec<String> {
        let mut lines: Vec<String> =
            self.held.iter().flat_map(|held| held.lines(address)).collect();
        if self.held.is_empty() {
            lines.push(format!("nobody holds {address}, as far as {} knows", self.node));
            if self.withheld.is_empty() {
                lines.push("  it is no address of a service that is announced".to_owned());
            }
        }
        let here = self.held.iter().any(|held| held.here);
        for Withheld { service, segment, text, .. } in self.withheld.iter().filter(|_| !here) {
            let on = segment.as_ref().map_or_else(String::new, |segment| format!(" on {segment}"));
            lines.push(format!("  {} does not announce it{on} for {service}: {text}", self.node));
        }
        if let Some(Assigner { node, text, .. }) = &self.assigner {
            lines.push(match node {
                Some(_) => format!("  {text}"),
                None => format!("  nobody assigns addresses now: {text}"),
            });
        }
        lines
    }
}

impl Assigner {
    pub(super) fn new(standing: &Standing, votes: bool) -> Self {
        Self {
            node: standing.leader().map(ToString::to_string),
            standing: standing.name().to_owned(),
            votes,
            text: standing.to_string(),
        }
    }
}

impl Held {
    fn lines(&self, address: IpAddr) -> Vec<String> {
        let Self { segment, holder, for_seconds, .. } = self;
        let whose = if self.here { " (this node)" } else { "" };
        let epoch = self.epoch.map_or_else(String::new, |epoch| format!(", epoch {epoch}"));
        let lease = self.lease_ends_in_seconds.map_or_else(String::new, |ends| {
            format!(", its lease ends in {ends:.3} s unless renewed")
        });
        let mut lines = vec![format!(
            "{address} on {segment}: held by {holder}{whose} for {for_seconds:.1} s{epoch}{lease}"
        )];
        if !self.links.is_empty() {
            lines.push(format!("  announced on {}", self.links.join(", ")));
        }
        for neighbour in &self.neighbours {
            let who = if neighbour.gateway { "gateway" } else { "neighbour" };
            let name = neighbour.address.map_or_else(String::new, |address| address.to_string());
            let told = match neighbour.answered_after_seconds {
                Some(after) => format!("knows it, answered after {:.1} ms", after * 1e3),
                None => "HAS NOT ANSWERED".to_owned(),
            };
            lines.push(format!("  {who} {name} on {}: {told}", neighbour.link));
        }
        let conflicts = self.conflicts.iter();
        lines.extend(conflicts.map(|other| format!("  ANOTHER HOST USES IT TOO: {other}")));
        lines
    }
}

#[cfg(test)]
mod tests {
    use vipcast_election::NodeName;

    use super::*;

    #[test]
    fn people_read_who_since_when_until_when_and_who_has_heard() {
        let neighbour = Neighbour {
            address: Some("192.0.2.1".parse().unwrap()),
            link: "eth0".into(),
            gateway: true,
            answered_after_seconds: Some(0.0012),
        };
        let held = Held {
            segment: "192.0.2.0/24".into(),
            holder: "a".into(),
            here: true,
            for_seconds: 2.0,
            epoch: Some(7),
            lease_ends_in_seconds: Some(0.1),
            links: vec!["eth0".into()],
            neighbours: vec![neighbour],
            conflicts: vec![],
        };
        let answer = Answer { node: "a".into(), held: vec![held], ..Answer::default() };
        assert_eq!(
            answer.lines("192.0.2.9".parse().unwrap()),
            [
                "192.0.2.9 on 192.0.2.0/24: held by a (this node) for 2.0 s, epoch 7, its lease ends \
                 in 0.100 s unless renewed",
                "  announced on eth0",
                "  gateway 192.0.2.1 on eth0: knows it, answered after 1.2 ms",
            ]
        );
    }

    #[test]
    fn who_assigns_is_said_and_why_nobody_does() {
        let (me, other) = (NodeName::new("a"), NodeName::new("b"));
        let mut answer = Answer { node: "a".into(), ..Answer::default() };
        let follows = Standing::Follows { leader: other.clone() };
        answer.assigner = Some(Assigner::new(&follows, true));
        let lines = answer.lines("192.0.2.9".parse().unwrap());
        assert_eq!(lines.last().unwrap(), "  b assigns addresses");
        let members = [me.clone(), other].into();
        let standing = Standing::NoMajority { members, heard: [me].into(), forgotten: [].into() };
        answer.assigner = Some(Assigner::new(&standing, true));
        let lines = answer.lines("192.0.2.9".parse().unwrap());
        assert_eq!(
            lines.last().unwrap(),
            "  nobody assigns addresses now: NO MAJORITY: 2 of the 2 members must agree, and here are \
             only a; silent: b"
        );
    }

    #[test]
    fn nobody_comes_with_a_reason() {
        let nobody = Answer { node: "a".into(), ..Answer::default() };
        let lines = nobody.lines("192.0.2.9".parse().unwrap());
        assert_eq!(lines[0], "nobody holds 192.0.2.9, as far as a knows");
        assert!(lines[1].contains("no address of a service"));
    }
}
