#[cfg(feature = "cluster")]
use std::sync::LazyLock;
use std::{borrow::Cow, sync::Arc};

use crate::{
    Diagnostic, Place, Problem, Severity,
    kinds::{Key, Resource},
    positions::Positions,
};

/// One object as it stands in a folder.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// What tells it from all others.
    pub key: Key,
    /// The object.
    pub resource: Arc<Resource>,
    /// Where it begins.
    pub place: Place,
    /// Its own text, with columns as in its file.
    pub(crate) text: Arc<str>,
    /// The line of the file on which that text begins.
    pub(crate) first_line: u32,
    pub(crate) positions: Arc<Positions>,
}

#[cfg(feature = "cluster")]
impl Manifest {
    /// An object that an API server sent: it stands in no file.
    pub(crate) fn of_cluster(resource: impl Into<Arc<Resource>>) -> Self {
        // One for all: thousands of objects are kept.
        static NOWHERE: LazyLock<(Place, Arc<str>, Arc<Positions>)> =
            LazyLock::new(|| (Place::file("cluster"), "".into(), Arc::default()));
        let resource = resource.into();
        let (place, text, positions) = NOWHERE.clone();
        Self { key: resource.key(), resource, place, text, first_line: 0, positions }
    }
}

impl Manifest {
    /// The text of the object, as its file has it: YAML or JSON.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A text from which it can be read again, and the line on which that begins.
    pub(crate) fn written(&self) -> (u32, Cow<'_, str>) {
        #[cfg(feature = "cluster")]
        if self.text.is_empty() {
            return (1, self.resource.to_json().to_string().into());
        }
        (self.first_line, self.text().into())
    }

    /// A finding about a field of this object, at the place of the field's value.
    #[must_use]
    pub fn diagnose(&self, severity: Severity, field: &str, problem: Problem) -> Diagnostic {
        diagnose(&self.key, &self.place, &self.positions, severity, field, problem)
    }

    /// A refusal of a field of this object.
    pub(crate) fn error(&self, field: &str, problem: Problem) -> Diagnostic {
        self.diagnose(Severity::Error, field, problem)
    }
}

/// A finding about a field of an object that may not be a valid one.
pub(crate) fn diagnose(
    key: &Key,
    place: &Place,
    positions: &Positions,
    severity: Severity,
    field: &str,
    problem: Problem,
) -> Diagnostic {
    let (line, column) = if matches!(problem, Problem::UnknownField { .. }) {
        positions.of_field(field)
    } else {
        positions.of_value(field)
    };
    let mut at = place.clone();
    if line > 0 && !field.is_empty() {
        (at.line, at.column) = (line, column);
    }
    Diagnostic {
        severity,
        place: at,
        object: Some(key.to_string()),
        field: (!field.is_empty()).then(|| field.to_owned()),
        problem,
    }
}
