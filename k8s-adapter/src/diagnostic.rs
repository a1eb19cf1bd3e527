use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::Problem;

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Notice,
    /// Taken, but probably not what was meant.
    Warning,
    /// Refused.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A place in a folder of manifests. Written `file:line:column`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file's name inside the folder.
    pub file: Arc<str>,
    /// The document within the file, from 1; 0 where the whole file is meant.
    pub document: u32,
    /// The line within the file, from 1; 0 where the whole file is meant.
    pub line: u32,
    /// The column, from 1; 0 where it is not known.
    pub column: u32,
}

impl Place {
    /// A whole file.
    #[must_use]
    pub fn file(file: impl Into<Arc<str>>) -> Self {
        Self { file: file.into(), document: 0, line: 0, column: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
            if self.column > 0 {
                write!(f, ":{}", self.column)?;
            }
        }
        if self.document > 1 {
            write!(f, " (document {})", self.document)?;
        }
        Ok(())
    }
}

/// One finding about one place: what is wrong and what to do about it. Prints on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// The object, as `Kind namespace/name`, where one could be told.
    pub object: Option<String>,
    /// The field, such as `spec.ports[0].port`, where one is to blame.
    pub field: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

impl Diagnostic {
    /// The sentence that says what is wrong.
    #[must_use]
    pub fn message(&self) -> String {
        self.problem.to_string()
    }

    /// What to do about it, where there is something to advise.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.problem.hint()
    }

    /// Whether something was refused.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", OneLine(&self.place.to_string()), self.severity)?;
        for part in [&self.object, &self.field].into_iter().flatten() {
            write!(f, "{}: ", OneLine(part))?;
        }
        write!(f, "{}", OneLine(&self.message()))?;
        if let Some(hint) = self.hint() {
            write!(f, "; {}", OneLine(&hint))?;
        }
        Ok(())
    }
}

/// Manifests may hold anything, and a line of the log must stay a line.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() {
                f.write_str(" ")?;
            } else {
                fmt::Write::write_char(f, c)?;
            }
        }
        Ok(())
    }
}

impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Diagnostic", 10)?;
        out.serialize_field("severity", &self.severity)?;
        out.serialize_field("file", &*self.place.file)?;
        out.serialize_field("document", &self.place.document)?;
        out.serialize_field("line", &self.place.line)?;
        out.serialize_field("column", &self.place.column)?;
        out.serialize_field("object", &self.object)?;
        out.serialize_field("field", &self.field)?;
        out.serialize_field("code", self.problem.code())?;
        out.serialize_field("message", &self.message())?;
        out.serialize_field("hint", &self.hint())?;
        out.end()
    }
}
