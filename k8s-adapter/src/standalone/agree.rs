use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use vipcast_announcer::{
    Node,
    agreement::{Agreement, Standing, fresh_voter},
};
use vipcast_election::register::RegisterConfig;
use vipcast_ipam::Owner;

use crate::{
    assigner::{AgreedAssigner, LostState},
    state::{Assignments, StateError, StateFolder, StateLock},
};

/// Starts to agree with other nodes on who has which address, and keeps that in the state folder as
/// `agreed.NODE`. Where that was damaged it is set aside, here, and the node begins anew, as one that
/// remembers nothing.
///
/// # Errors
/// The state folder cannot be used.
pub fn agree(
    state: &StateFolder,
    config: &RegisterConfig,
    node: &Node,
) -> Result<(Agreement, Option<PathBuf>), StateError> {
    let (kept, file) = state.agreed()?;
    let start = |kept: &[u8], file| {
        let voter = fresh_voter(config.me());
        Agreement::start(config.clone(), voter, kept, file, node)
    };
    match start(&kept, file) {
        Ok(agreement) => Ok((agreement, None)),
        Err(_) => {
            let copy = state.forget_agreed(&kept)?;
            let (_, file) = state.agreed()?;
            // Nothing is never damaged.
            match start(&[], file) {
                Ok(agreement) => Ok((agreement, Some(copy))),
                Err(error) => Err(StateError::Corrupt { path: copy, why: error.to_string() }),
            }
        }
    }
}

/// The part of a runner that assigns by agreement.
pub(super) struct ByAgreement {
    pub(super) agreement: Agreement,
    pub(super) assigner: AgreedAssigner,
    /// What was written before there was an agreement; `None` where that cannot be read.
    pub(super) before: Option<Assignments>,
    pub(super) told: Option<Standing>,
    /// Services of which it was told that they wait, and why.
    pub(super) waiting: BTreeMap<Owner, &'static str>,
    pub(super) unreleased: bool,
    pub(super) lock: Option<Arc<StateLock>>,
    /// The version of which a copy is in the state folder.
    pub(super) copied: Option<u64>,
}

impl ByAgreement {
    /// With the fault of what was written before, where that is of no use.
    pub(super) fn new(
        agreement: Agreement,
        folder: &StateFolder,
        lost_state: LostState,
    ) -> (Self, Option<String>) {
        let (before, fault) = match folder.load() {
            Ok(before) => (Some(before), None),
            Err(StateError::Corrupt { .. }) if lost_state == LostState::Accept => {
                (Some(Assignments::default()), None)
            }
            Err(error) => (None, Some(error.to_string())),
        };
        let agreed = Self {
            agreement,
            assigner: AgreedAssigner::default(),
            before,
            told: None,
            waiting: BTreeMap::new(),
            unreleased: false,
            lock: None,
            copied: None,
        };
        (agreed, fault)
    }
}
