/// Names an interned [`Announcement`](super::Announcement); never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SetId(pub(super) u32);
