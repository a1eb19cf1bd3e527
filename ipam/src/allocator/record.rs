use alloc::{boxed::Box, collections::BTreeSet, string::String};

use super::terms::{OneOrMany, Sharing, Terms, key};
use crate::{Family, Labels, Owner, Port, Request, address::Address};

/// An owner that holds something. As large as a line of most caches, and in one.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(crate) struct Record {
    pub(crate) owner: Owner,
    holding: Holding,
}

const _: () = assert!(size_of::<Option<Record>>() == 64, "a record is not one line");

/// What an owner holds, ascending, and on which terms. What is usual needs no memory of its own.
#[derive(Clone, Debug)]
enum Holding {
    /// One address, and nothing to remember.
    Plain(Address),
    /// Several addresses, and nothing to remember.
    Several(Box<[Address]>),
    /// One address that may be shared, under one port.
    Shared {
        address: Address,
        group: u32,
        joined: u32,
        port: Port,
    },
    Other(Box<Other>),
}

#[derive(Clone, Debug)]
struct Other {
    addresses: OneOrMany<Address>,
    terms: Terms,
    joined: u32,
}

/// The consent to share of an owner, wherever it is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Consent<'a> {
    /// The number of sharing key and backend key.
    pub(crate) group: u32,
    /// The number of the last address that was joined. A guess, so that it is found at once.
    pub(crate) joined: u32,
    /// Ascending.
    pub(crate) ports: &'a [Port],
    pub(crate) namespaces: &'a BTreeSet<String>,
}

impl Record {
    pub(crate) fn new(owner: Owner, addresses: &[Address], terms: Terms) -> Self {
        Self { owner, holding: Holding::new(addresses, terms) }
    }

    /// The owner holds other addresses, or on other terms.
    pub(crate) fn hold(&mut self, addresses: &[Address], terms: Terms) {
        self.holding = Holding::new(addresses, terms);
    }

    pub(crate) fn addresses(&self) -> &[Address] {
        match &self.holding {
            Holding::Plain(address) | Holding::Shared { address, .. } => {
                core::slice::from_ref(address)
            }
            Holding::Several(addresses) => addresses,
            Holding::Other(other) => other.addresses.as_slice(),
        }
    }

    pub(crate) fn consent(&self) -> Option<Consent<'_>> {
        match &self.holding {
            Holding::Plain(_) | Holding::Several(_) => None,
            Holding::Shared { group, joined, port, .. } => Some(Consent {
                group: *group,
                joined: *joined,
                ports: core::slice::from_ref(port),
                namespaces: &NO_NAMESPACES,
            }),
            Holding::Other(other) => other.terms.sharing.as_ref().map(|sharing| Consent {
                group: sharing.group,
                joined: other.joined,
                ports: sharing.ports.as_slice(),
                namespaces: &sharing.namespaces,
            }),
        }
    }

    /// Remembers the number of an address that was joined.
    pub(crate) fn note_joined(&mut self, number: u32) {
        match &mut self.holding {
            Holding::Plain(_) | Holding::Several(_) => {}
            Holding::Shared { joined, .. } => *joined = number,
            Holding::Other(other) => other.joined = number,
        }
    }

    /// The ports under which it shares.
    pub(crate) fn ports(&self) -> &[Port] {
        self.consent().map_or(&[], |consent| consent.ports)
    }

    /// Those of the owner and those of its namespace.
    pub(crate) fn labels(&self) -> (&Labels, &Labels) {
        let labels = self.rare().and_then(|terms| terms.labels.as_deref());
        labels.map_or((&NO_LABELS, &NO_LABELS), |labels| (&labels.owner, &labels.namespace))
    }

    pub(crate) fn two_pools(&self) -> bool {
        self.rare().is_some_and(|terms| terms.two_pools)
    }

    /// The family that was preferred too.
    pub(crate) fn missing(&self) -> Option<Family> {
        self.rare()?.missing
    }

    /// Whether the other family was held once, and a new configuration took it.
    pub(crate) fn was_dual(&self) -> bool {
        self.rare().is_some_and(|terms| terms.was_dual)
    }

    /// The terms, unless they are among the usual ones.
    fn rare(&self) -> Option<&Terms> {
        match &self.holding {
            Holding::Other(other) => Some(&other.terms),
            _ => None,
        }
    }

    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.holding, Holding::Plain(_) | Holding::Several(_))
    }

    /// A copy of the terms.
    pub(crate) fn terms(&self) -> Terms {
        match &self.holding {
            Holding::Plain(_) | Holding::Several(_) => Terms::default(),
            Holding::Shared { group, port, .. } => {
                let ports = OneOrMany::One(*port);
                let sharing = Sharing { group: *group, ports, namespaces: BTreeSet::new() };
                Terms { sharing: Some(sharing), ..Terms::default() }
            }
            Holding::Other(other) => other.terms.clone(),
        }
    }

    /// Whether the terms are what `request` says; `missing` and `was_dual` come from elsewhere. `group` is the number of
    /// its keys.
    pub(crate) fn agrees(&self, request: &Request, group: Option<u32>) -> bool {
        self.two_pools() == request.two_pools
            && self.labels() == (&request.labels, &request.namespace_labels)
            && self.consent_agrees(request, group)
    }

    pub(crate) fn consent_agrees(&self, request: &Request, group: Option<u32>) -> bool {
        match self.consent() {
            None => key(request).is_none(),
            Some(consent) => {
                group == Some(consent.group)
                    && consent.ports.iter().eq(&request.ports)
                    && *consent.namespaces == request.sharing_namespaces
            }
        }
    }
}

impl Holding {
    fn new(addresses: &[Address], terms: Terms) -> Self {
        let usual = terms.labels.is_none()
            && !terms.two_pools
            && terms.missing.is_none()
            && !terms.was_dual;
        match (addresses, &terms.sharing) {
            ([address], None) if usual => Self::Plain(*address),
            (several, None) if usual => Self::Several(several.into()),
            ([address], Some(Sharing { group, ports: OneOrMany::One(port), namespaces }))
                if usual && namespaces.is_empty() =>
            {
                Self::Shared { address: *address, group: *group, joined: 0, port: *port }
            }
            _ => {
                let addresses = OneOrMany::new(addresses);
                Self::Other(Box::new(Other { addresses, terms, joined: 0 }))
            }
        }
    }
}

static NO_LABELS: Labels = Labels::new();
static NO_NAMESPACES: BTreeSet<String> = BTreeSet::new();
