use super::set_id::SetId;

/// What a change means to one neighbor. Withdrawals are sent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    Withdraw,
    Announce(SetId),
}
