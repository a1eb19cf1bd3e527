use std::sync::Arc;

use proptest::prelude::*;
use vipcast_announcer::agreement::Standing;
use vipcast_election::{
    NodeName,
    beacon::Keyring,
    register::{Document, Register, RegisterConfig, RegisterSettings, VoterId},
};
use vipcast_sans_io::Machine;

use super::*;
use crate::{FileContent, Options, translate};

/// Objects of a small world: a pool, and services.
fn world(range: &str, services: &[&str]) -> Translation {
    let mut text = format!(
        "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {{name: lan}}\n\
         spec: {{addresses: [{range}]}}\n"
    );
    for name in services {
        text += &format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n\
             spec: {{type: LoadBalancer}}\n"
        );
    }
    let content = FileContent::read("world.yaml", &text);
    assert_eq!(content.diagnostics, []);
    translate(&content.manifests, &Options::default())
}

/// What a majority agrees on, which is one node here.
struct Majority {
    register: Register,
    now: Instant,
    behind: BTreeSet<NodeName>,
}

impl Majority {
    fn new() -> Self {
        let me = NodeName::new("a");
        let config = RegisterConfig::new(me.clone(), [me], RegisterSettings::default()).unwrap();
        let now = Instant::from_millis(1);
        let register = Register::new(now, VoterId(7), config, Keyring::insecure());
        let mut majority = Self { register, now, behind: BTreeSet::new() };
        while majority.register.leads(majority.now).is_none() {
            majority.go();
        }
        majority
    }

    fn go(&mut self) {
        while let Some(persist) = self.register.poll_persist() {
            self.register.persisted(self.now, persist.ticket);
        }
        while self.register.poll_transmit(self.now, &mut Vec::new()).is_some() {}
        self.now = self.register.poll_timeout().unwrap();
        self.register.handle_timeout(self.now);
    }

    fn agree(&mut self, changes: Changes) {
        self.register.propose(self.now, changes).unwrap();
        let before = self.register.document().version();
        while self.register.document().version() == before {
            self.go();
        }
    }

    fn document(&self) -> Arc<Document> {
        Arc::new(self.register.document().clone())
    }

    fn view(&self, standing: Standing) -> Agreed {
        Agreed::new(standing, self.document(), self.behind.clone(), true)
    }

    fn leads(&self) -> Agreed {
        self.view(Standing::Leads { me: NodeName::new("a") })
    }

    fn follows(&self) -> Agreed {
        self.view(Standing::Follows { leader: NodeName::new("a") })
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.go();
        }
    }

    /// Turns until there is nothing more to propose; what was told.
    fn settle(&mut self, assigner: &mut AgreedAssigner, world: &Translation) -> Vec<Outcome> {
        let mut told = Vec::new();
        loop {
            let (mut world, none) = (world.clone(), Assignments::default());
            let turn = assigner.turn(self.now, &mut world, &self.leads(), Some(&none)).unwrap();
            told.extend(turn.outcomes);
            let Some(proposal) = turn.proposal else { return told };
            let changes = proposal.changes.clone();
            assigner.proposed(proposal);
            self.agree(changes);
        }
    }

    fn has(&self) -> Vec<(String, String)> {
        let entries = Entries::read(self.register.document()).unwrap();
        let all = entries.addresses();
        all.map(|(owner, address)| (owner.name().to_owned(), address.to_string())).collect()
    }
}

fn expect(majority: &Majority, wanted: &[(&str, &str)]) {
    let wanted: Vec<_> = wanted.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    assert_eq!(majority.has(), wanted);
}

fn names(outcomes: &[Outcome]) -> Vec<(&str, &'static str)> {
    outcomes.iter().map(|outcome| (outcome.service().name(), outcome.name())).collect()
}

#[test]
fn nothing_is_served_before_it_is_agreed_and_then_by_all() {
    let mut majority = Majority::new();
    let mut assigner = AgreedAssigner::default();
    let asked = world("10.0.0.0/29", &["web"]);
    let (mut mine, none) = (asked.clone(), Assignments::default());
    let turn = assigner.turn(majority.now, &mut mine, &majority.leads(), Some(&none)).unwrap();
    let web = Owner::new("default", "web");
    assert_eq!(mine.intent.services[&web].assignment, None);
    assert_eq!((turn.outcomes.len(), turn.waiting), (0, [web.clone()].into()));
    let proposal = turn.proposal.unwrap();
    let changes = proposal.changes.clone();
    assigner.proposed(proposal);
    let again =
        assigner.turn(majority.now, &mut asked.clone(), &majority.leads(), Some(&none)).unwrap();
    assert!(again.proposal.is_none(), "one at a time");
    majority.agree(changes);
    let told = majority.settle(&mut assigner, &asked);
    assert_eq!(names(&told), [("web", "assigned")]);
    expect(&majority, &[("web", "10.0.0.0")]);

    let mut theirs = asked;
    let mut other = AgreedAssigner::default();
    let turn = other.turn(majority.now, &mut theirs, &majority.follows(), Some(&none)).unwrap();
    assert!(turn.proposal.is_none() && turn.waiting.is_empty());
    let served = theirs.intent.services[&web].assignment.clone().unwrap();
    assert_eq!(served.addresses, [("10.0.0.0".parse().unwrap(), "lan".to_owned())]);
}

#[test]
fn who_begins_to_lead_takes_nothing_away_at_first() {
    let mut majority = Majority::new();
    majority.settle(&mut AgreedAssigner::default(), &world("10.0.0.0/29", &["a", "b"]));
    // Its manifests lag: one service is missing, and the pool is another.
    let lagging = world("10.0.0.4/30", &["b", "c"]);
    let mut next = AgreedAssigner::default();
    majority.settle(&mut next, &lagging);
    expect(&majority, &[("a", "10.0.0.0"), ("b", "10.0.0.1"), ("c", "10.0.0.4")]);
    let none = Assignments::default();
    let turn = next.turn(majority.now, &mut lagging.clone(), &majority.leads(), Some(&none));
    let again = turn.unwrap().again.expect("it looks again");
    majority.now = again;
    let told = majority.settle(&mut next, &lagging);
    expect(&majority, &[("b", "10.0.0.5"), ("c", "10.0.0.4")]);
    assert_eq!(names(&told), [("b", "changed"), ("a", "cleared")]);
    assert!(told[0].to_string().contains("10.0.0.1"), "with the reason: {}", told[0]);
}

#[test]
fn a_released_address_rests_until_all_members_have_heard_of_it() {
    let mut majority = Majority::new();
    let mut assigner = AgreedAssigner::default();
    majority.settle(&mut assigner, &world("10.0.0.0/32", &["a"]));
    majority.wait(GRACE);
    majority.behind = [NodeName::new("c")].into();
    let edited = world("10.0.0.0/32", &["b"]);
    let told = majority.settle(&mut assigner, &edited);
    assert_eq!(names(&told), [("b", "refused"), ("a", "cleared")]);
    majority.wait(LONG_REST);
    assert_eq!(majority.settle(&mut assigner, &edited), []);
    expect(&majority, &[]);
    let none = Assignments::default();
    let turn = assigner.turn(majority.now, &mut edited.clone(), &majority.leads(), Some(&none));
    let waits: Vec<String> =
        turn.unwrap().waits_for_release.iter().map(ToString::to_string).collect();
    assert_eq!(waits, ["10.0.0.0"]);
    // The silent one has heard of it, and has time to stop.
    majority.behind.clear();
    majority.settle(&mut assigner, &edited);
    expect(&majority, &[]);
    majority.wait(REST);
    let told = majority.settle(&mut assigner, &edited);
    assert_eq!(names(&told), [("b", "assigned")]);
    expect(&majority, &[("b", "10.0.0.0")]);
}

#[test]
fn whoever_had_an_address_that_rests_gets_it_back() {
    let mut majority = Majority::new();
    let mut assigner = AgreedAssigner::default();
    majority.settle(&mut assigner, &world("10.0.0.0/29", &["a", "b"]));
    majority.wait(GRACE);
    majority.settle(&mut assigner, &world("10.0.0.0/29", &["a"]));
    majority.settle(&mut assigner, &world("10.0.0.0/29", &["a", "aa"]));
    expect(&majority, &[("a", "10.0.0.0"), ("aa", "10.0.0.2")]);
    majority.settle(&mut assigner, &world("10.0.0.0/29", &["a", "aa", "b"]));
    expect(&majority, &[("a", "10.0.0.0"), ("aa", "10.0.0.2"), ("b", "10.0.0.1")]);
}

#[test]
fn what_was_written_before_there_was_an_agreement_is_taken_over() {
    let majority = Majority::new();
    let mut asked = world("10.0.0.0/29", &["a"]);
    let addresses = vec![("10.0.0.5".parse().unwrap(), "lan".to_owned())];
    let services = [(Owner::new("default", "a"), Assignment { addresses })].into();
    let before = Assignments { services, ..Assignments::default() };
    let turn = |before| {
        let mut assigner = AgreedAssigner::default();
        assigner.turn(majority.now, &mut asked, &majority.leads(), before).unwrap().proposal
    };
    let mut turn = turn;
    let changes = turn(Some(&before)).unwrap().changes;
    assert_eq!(changes[&b"4/default/a"[..]], Some(b"10.0.0.5 lan".to_vec()));
    assert!(turn(None).is_none(), "what was written cannot be read");
}

#[test]
fn what_a_later_version_wrote_is_left_alone() {
    let mut majority = Majority::new();
    majority.agree([(b"format".to_vec(), Some(b"2".to_vec()))].into());
    let (mut asked, none) = (world("10.0.0.0/29", &["a"]), Assignments::default());
    let turn =
        AgreedAssigner::default().turn(majority.now, &mut asked, &majority.leads(), Some(&none));
    assert_eq!(turn.unwrap_err(), EntriesError::TooNew { found: 2 });
    majority.agree([(b"format".to_vec(), None), (b"x".to_vec(), Some(b"".to_vec()))].into());
    let turn =
        AgreedAssigner::default().turn(majority.now, &mut asked, &majority.leads(), Some(&none));
    assert_eq!(turn.unwrap_err(), EntriesError::Unreadable { key: "x".into() });
}

#[test]
fn a_name_that_is_too_long_stops_no_other() {
    let mut majority = Majority::new();
    let long = format!("{0}.{0}.{0}.{0}", "a".repeat(60));
    let told =
        majority.settle(&mut AgreedAssigner::default(), &world("10.0.0.0/29", &[&long, "b"]));
    assert_eq!(names(&told), [("b", "assigned"), (&*long, "nameTooLong")]);
}

proptest! {
    /// Whatever is edited wherever, and whoever leads: nobody loses an address without having been
    /// taken away by the one that leads, and no address has two owners, also not among those who have
    /// not heard of the last changes.
    #[test]
    fn no_address_has_two_owners_whoever_leads(
        steps in prop::collection::vec((0_usize..3, 0_u8..32, any::<bool>(), 0_u64..40), 1..30),
    ) {
        let mut majority = Majority::new();
        let mut nodes: Vec<AgreedAssigner> = (0..3).map(|_| AgreedAssigner::default()).collect();
        // One member hears only at times.
        let mut late = majority.document();
        for (leader, services, hears, seconds) in steps {
            let all = ["a", "b", "c", "d", "e"];
            let some: Vec<&str> =
                (0..5).filter(|i| services & (1 << i) != 0).map(|i| all[i]).collect();
            let asked = world("10.0.0.0/30", &some);
            let none = Assignments::default();
            for (number, node) in nodes.iter_mut().enumerate() {
                if number != leader {
                    node.turn(majority.now, &mut asked.clone(), &majority.follows(), Some(&none)).unwrap();
                }
            }
            if hears {
                late = majority.document();
            }
            majority.behind.clear();
            if *late != *majority.document() {
                majority.behind.insert(NodeName::new("late"));
            }
            let view = majority.leads();
            let turn = nodes[leader].turn(majority.now, &mut asked.clone(), &view, Some(&none)).unwrap();
            if let Some(proposal) = turn.proposal {
                let changes = proposal.changes.clone();
                nodes[leader].proposed(proposal);
                majority.agree(changes);
            }
            majority.wait(Duration::from_secs(seconds));
            let now = Entries::read(majority.register.document()).unwrap();
            let then = Entries::read(&late).unwrap();
            let mut owners: BTreeMap<IpAddr, &Owner> = BTreeMap::new();
            for (owner, address) in now.addresses().chain(then.addresses()) {
                let other = owners.insert(address, owner);
                prop_assert!(other.is_none_or(|other| other == owner), "{address}: {other:?} {owner}");
            }
        }
    }
}
