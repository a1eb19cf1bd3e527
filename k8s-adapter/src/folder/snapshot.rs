use std::collections::{BTreeMap, BTreeSet};

use super::FolderIdentity;
use crate::{
    Diagnostic, Manifest, Options, Problem, StaleReason, Translation, admission::Admitted,
    kinds::Key, translate,
};

/// What a folder asks for at one moment, and what is wrong with it.
///
/// Immutable. What stands in `manifests` is valid by itself and free of contradictions; where the
/// folder's own state is not, it is the last one that was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The objects, by their keys.
    pub manifests: Vec<Manifest>,
    /// Those of them that are not what the folder holds now, and why.
    pub stale: BTreeMap<Key, StaleReason>,
    /// What was found, by file and line.
    pub diagnostics: Vec<Diagnostic>,
    /// The folder that the objects are from; `None` where none was ever read.
    pub folder: Option<FolderIdentity>,
}

impl Snapshot {
    pub(super) fn new(admitted: Admitted, folder: Option<FolderIdentity>) -> Self {
        let mut manifests = Vec::new();
        let mut stale = BTreeMap::new();
        for (key, (manifest, reason)) in admitted.objects {
            manifests.push(manifest);
            stale.extend(reason.map(|reason| (key, reason)));
        }
        let diagnostics = once_a_kind(admitted.diagnostics);
        Self { manifests, stale, diagnostics, folder }
    }

    pub(super) fn admitted(&self) -> Admitted {
        let objects = self.manifests.iter().map(|manifest| {
            let reason = self.stale.get(&manifest.key).copied();
            (manifest.key.clone(), (manifest.clone(), reason))
        });
        Admitted { objects: objects.collect(), diagnostics: Vec::new() }
    }

    /// What the objects mean. Its diagnostics are those of the translation alone.
    #[must_use]
    pub fn translate(&self, options: &Options) -> Translation {
        translate(&self.manifests, options)
    }
}

/// Sorts by place, and leaves of the notices about one unknown kind the first.
fn once_a_kind(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by(|a, b| (&a.place, &a.field).cmp(&(&b.place, &b.field)));
    let mut seen = BTreeSet::new();
    diagnostics.retain(|diagnostic| match &diagnostic.problem {
        Problem::UnknownKind { api_version, kind, .. } => {
            seen.insert((api_version.clone(), kind.clone()))
        }
        Problem::NotYetSupported { kind } => seen.insert((String::new(), kind.clone())),
        _ => true,
    });
    diagnostics
}
