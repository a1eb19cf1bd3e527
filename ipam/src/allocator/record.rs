use alloc::{boxed::Box, collections::BTreeSet, string::String};

use crate::{Family, Labels, Owner, Port, Request, address::Address};

/// An owner that holds something.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) owner: Owner,
    pub(crate) hash: u64,
    /// Ascending.
    pub(crate) addresses: OneOrMany<Address>,
    /// Nothing for a plain owner, of which there may be very many.
    pub(crate) terms: Option<Box<Terms>>,
}

/// A short list, of which most have one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OneOrMany<T> {
    One(T),
    Many(Box<[T]>),
}

impl<T: Copy> OneOrMany<T> {
    pub(crate) fn new(items: &[T]) -> Self {
        match items {
            [one] => Self::One(*one),
            many => Self::Many(many.into()),
        }
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(item) => core::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }
}

impl<'a, T: Copy + 'a> FromIterator<&'a T> for OneOrMany<T> {
    fn from_iter<I: IntoIterator<Item = &'a T>>(items: I) -> Self {
        let mut items = items.into_iter().copied();
        match (items.next(), items.next()) {
            (Some(one), None) => Self::One(one),
            (first, second) => Self::Many(first.into_iter().chain(second).chain(items).collect()),
        }
    }
}

/// What must be remembered of a request, beside what is held.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    pub(crate) labels: Option<Box<BothLabels>>,
    pub(crate) two_pools: bool,
    pub(crate) sharing: Option<Sharing>,
    /// The family that was preferred too.
    pub(crate) missing: Option<Family>,
    /// The other family was held once, and a new configuration took it.
    pub(crate) was_dual: bool,
}

/// Labels of an owner and of its namespace, of which one has some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BothLabels {
    owner: Labels,
    namespace: Labels,
}

impl BothLabels {
    pub(crate) fn some(owner: &Labels, namespace: &Labels) -> Option<Box<Self>> {
        let any = !owner.is_empty() || !namespace.is_empty();
        any.then(|| Box::new(Self { owner: owner.clone(), namespace: namespace.clone() }))
    }
}

/// Consent to share.
#[derive(Clone, Debug)]
pub(crate) struct Sharing {
    /// The number of sharing key and backend key.
    pub(crate) group: u32,
    /// The number of the last address that was joined. A guess, so that it is found at once.
    pub(crate) joined: u32,
    /// Ascending.
    pub(crate) ports: OneOrMany<Port>,
    pub(crate) namespaces: BTreeSet<String>,
}

impl Terms {
    /// Whether they are what `request` says; `missing` and `was_dual` come from elsewhere.
    pub(crate) fn agree(&self, request: &Request, group: Option<u32>) -> bool {
        self.two_pools == request.two_pools
            && self.labels() == (&request.labels, &request.namespace_labels)
            && self.sharing_agrees(request, group)
    }

    pub(crate) fn sharing_agrees(&self, request: &Request, group: Option<u32>) -> bool {
        match &self.sharing {
            None => key(request).is_none(),
            Some(sharing) => {
                group == Some(sharing.group)
                    && sharing.ports.as_slice().iter().eq(&request.ports)
                    && sharing.namespaces == request.sharing_namespaces
            }
        }
    }

    /// Those of the owner and those of its namespace.
    pub(crate) fn labels(&self) -> (&Labels, &Labels) {
        match self.labels.as_deref() {
            Some(labels) => (&labels.owner, &labels.namespace),
            None => (&NO_LABELS, &NO_LABELS),
        }
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.labels.is_none()
            && !self.two_pools
            && self.sharing.is_none()
            && self.missing.is_none()
            && !self.was_dual
    }
}

/// The sharing key, which counts only if it is not empty.
pub(crate) fn key(request: &Request) -> Option<&str> {
    request.sharing_key.as_deref().filter(|key| !key.is_empty())
}

static NO_LABELS: Labels = Labels::new();

impl Record {
    pub(crate) fn sharing(&self) -> Option<&Sharing> {
        self.terms.as_deref()?.sharing.as_ref()
    }

    pub(crate) fn sharing_mut(&mut self) -> Option<&mut Sharing> {
        self.terms.as_deref_mut()?.sharing.as_mut()
    }

    /// The ports under which it shares.
    pub(crate) fn ports(&self) -> &[Port] {
        self.sharing().map_or(&[], |sharing| sharing.ports.as_slice())
    }

    pub(crate) fn labels(&self) -> (&Labels, &Labels) {
        self.terms.as_deref().map_or((&NO_LABELS, &NO_LABELS), Terms::labels)
    }
}
