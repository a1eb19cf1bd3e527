use crate::{Diagnostic, Manifest, Problem, Severity};

/// Collects what is found about one object, and remembers whether any of it refuses the object.
pub(super) struct Faults<'a> {
    manifest: &'a Manifest,
    out: &'a mut Vec<Diagnostic>,
    refused: bool,
}

impl<'a> Faults<'a> {
    pub(super) const fn new(manifest: &'a Manifest, out: &'a mut Vec<Diagnostic>) -> Self {
        Self { manifest, out, refused: false }
    }

    /// The object cannot be taken.
    pub(super) fn error(&mut self, field: &str, problem: Problem) {
        self.refused = true;
        self.say(Severity::Error, field, problem);
    }

    /// The object is taken, but probably not as it was meant.
    pub(super) fn warning(&mut self, field: &str, problem: Problem) {
        self.say(Severity::Warning, field, problem);
    }

    /// Worth knowing.
    pub(super) fn notice(&mut self, field: &str, problem: Problem) {
        self.say(Severity::Notice, field, problem);
    }

    fn say(&mut self, severity: Severity, field: &str, problem: Problem) {
        self.out.push(self.manifest.diagnose(severity, field, problem));
    }

    /// `value`, unless an error was found.
    pub(super) fn accept<T>(&self, value: T) -> Option<T> {
        (!self.refused).then_some(value)
    }

    /// Says each entry that a list without twins holds again.
    pub(super) fn no_twins<T: Ord>(
        &mut self,
        field: &str,
        list: &[T],
        name: impl Fn(&T) -> String,
    ) {
        let mut seen = std::collections::BTreeSet::new();
        for (position, entry) in list.iter().enumerate() {
            if !seen.insert(entry) {
                let field = crate::positions::index(field, position);
                self.error(&field, Problem::Repeated { value: name(entry) });
            }
        }
    }
}
