//! Which objects are served: those of the folder, and in place of what is not valid there the last
//! valid state.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Diagnostic, FileContent, Manifest, Options, Problem, Severity, StaleReason,
    consistency::{Incumbents, sort_out},
    kinds::Key,
    validate,
};

/// The objects that are served.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Admitted {
    /// By key; with the reason why, where it is an earlier state.
    pub(crate) objects: BTreeMap<Key, (Manifest, Option<StaleReason>)>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// What was read of a file, and the bytes that it was read from.
#[derive(Clone, Debug)]
pub(crate) struct ReadFile {
    pub(crate) bytes: Option<Vec<u8>>,
    pub(crate) content: FileContent,
}

/// What stands in the folder and cannot be taken as it is.
struct Broken<'a> {
    file: &'a str,
    /// Which object it is, where that can be told.
    key: Option<Key>,
    reason: StaleReason,
}

/// Admits what the files hold.
///
/// An object that was served and is gone from the folder goes, unless something that is not valid
/// may be it: then its last valid state stays. The result depends on what was served and on the
/// files alone, and admitting the same files once more changes nothing.
pub(crate) fn admit(
    before: &Admitted,
    files: &BTreeMap<String, ReadFile>,
    options: &Options,
) -> Admitted {
    let mut diagnostics = Vec::new();
    let mut broken = Vec::new();
    let mut valid = Vec::new();
    for (file, ReadFile { content, .. }) in files {
        diagnostics.extend(content.diagnostics.iter().cloned());
        let unreadable = content
            .diagnostics
            .iter()
            .any(|d| matches!(d.problem, Problem::Unreadable { .. } | Problem::NotText));
        let reason = if unreadable { StaleReason::FileUnreadable } else { StaleReason::Invalid };
        let documents = content.broken.iter();
        broken.extend(documents.map(|key| Broken { file, key: key.clone(), reason }));
        for manifest in &content.manifests {
            let findings = validate(manifest, options);
            if findings.iter().any(Diagnostic::is_error) {
                let key = Some(manifest.key.clone());
                broken.push(Broken { file, key, reason: StaleReason::Invalid });
                diagnostics.extend(findings.into_iter().filter(Diagnostic::is_error));
            } else {
                valid.push(manifest.clone());
            }
        }
    }

    let incumbents = Incumbents::new(before.objects.values().map(|(manifest, _)| manifest));
    let mut kept: BTreeMap<Key, StaleReason> = BTreeMap::new();
    let (remaining, refusals) = loop {
        let candidates = valid.iter().filter(|manifest| !kept.contains_key(&manifest.key));
        let earlier = kept.keys().filter_map(|key| before.objects.get(key)).map(|(m, _)| m);
        let (remaining, refusals) =
            sort_out(candidates.chain(earlier).cloned().collect(), &incumbents);
        let present: BTreeSet<&Key> = remaining.iter().map(|manifest| &manifest.key).collect();
        let missing = before
            .objects
            .iter()
            .filter(|(key, _)| !present.contains(key) && !kept.contains_key(*key));
        let more: Vec<_> = missing
            .filter_map(|(key, (manifest, _))| {
                Some((key.clone(), reason_to_keep(key, manifest, &broken, &valid, &present)?))
            })
            .collect();
        if more.is_empty() {
            break (remaining, refusals);
        }
        kept.extend(more);
    };

    // Twins of which the earlier state is kept were taken out ahead of the last round.
    diagnostics.extend(refusals);
    let (_, all_refusals) = sort_out(valid, &incumbents);
    for refusal in all_refusals {
        if !diagnostics.contains(&refusal) {
            diagnostics.push(refusal);
        }
    }
    for (key, reason) in &kept {
        if let Some((manifest, _)) = before.objects.get(key) {
            let problem = Problem::Stale { why: *reason };
            diagnostics.push(manifest.diagnose(Severity::Warning, "", problem));
        }
    }
    let objects = remaining
        .into_iter()
        .map(|manifest| {
            let reason = kept.get(&manifest.key).copied();
            (manifest.key.clone(), (manifest, reason))
        })
        .collect();
    Admitted { objects, diagnostics }
}

/// Why the earlier state of an object stays, or `None` where the object is simply gone.
fn reason_to_keep(
    key: &Key,
    manifest: &Manifest,
    broken: &[Broken<'_>],
    valid: &[Manifest],
    present: &BTreeSet<&Key>,
) -> Option<StaleReason> {
    let mut twins = valid.iter().filter(|other| other.key == *key);
    if twins.next().is_some() {
        let several = twins.next().is_some();
        return Some(if several { StaleReason::Duplicate } else { StaleReason::Invalid });
    }
    // It was moved to a namespace where it cannot be taken.
    if valid.iter().any(|other| same(&other.key, key) && !present.contains(&other.key)) {
        return Some(StaleReason::Invalid);
    }
    let mut may_be_it = broken.iter().filter(|broken| match &broken.key {
        Some(other) => same(other, key),
        None => broken.file == &*manifest.place.file,
    });
    may_be_it.next().map(|broken| broken.reason)
}

/// Whether both name the same object. The namespace of MetalLB's kinds tells nothing apart.
fn same(one: &Key, other: &Key) -> bool {
    one.kind == other.kind
        && one.name == other.name
        && (one.namespace == other.namespace || one.kind.is_metallb())
}
