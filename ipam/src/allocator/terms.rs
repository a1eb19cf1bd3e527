//! What must be remembered of a request, beside what is held.

use alloc::{boxed::Box, collections::BTreeSet, string::String};

use crate::{Family, Labels, Port, Request};

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
    pub(crate) owner: Labels,
    pub(crate) namespace: Labels,
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
    /// Ascending.
    pub(crate) ports: OneOrMany<Port>,
    pub(crate) namespaces: BTreeSet<String>,
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

/// The sharing key, which counts only if it is not empty.
pub(crate) fn key(request: &Request) -> Option<&str> {
    request.sharing_key.as_deref().filter(|key| !key.is_empty())
}
