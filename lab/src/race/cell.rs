//! What is measured again and again.

use std::fmt;

use super::{Contender, Fault};

/// One contender under one fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Who.
    pub contender: Contender,
    /// What happens to the owner.
    pub fault: Fault,
}

impl Cell {
    /// All of them, contender by contender.
    pub fn all() -> impl Iterator<Item = Self> {
        Contender::ALL.into_iter().flat_map(|contender| {
            Fault::ALL.into_iter().map(move |fault| Self { contender, fault })
        })
    }

    /// Whether `pattern` names it: `contender/fault`, where either may be `*` or the beginning of
    /// names up to a hyphen, and the fault may be left out.
    ///
    /// ```
    /// use vipcast_lab::race::Cell;
    ///
    /// let named = |pattern: &str| Cell::all().filter(|cell| cell.is_named(pattern)).count();
    /// assert_eq!(named("keepalived-1s/cut"), 1);
    /// assert_eq!(named("keepalived/cut"), 3);
    /// assert_eq!(named("*"), Cell::all().count());
    /// assert_eq!(named("keepalive/cut"), 0);
    /// ```
    pub fn is_named(&self, pattern: &str) -> bool {
        let (contender, fault) = pattern.split_once('/').unwrap_or((pattern, "*"));
        let fits = |name: &str, pattern: &str| {
            let rest = name.strip_prefix(pattern);
            pattern == "*" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        // `cut` is one fault, although `cut-in` and `cut-out` begin like it.
        let exact = Fault::ALL.iter().any(|known| known.name() == fault);
        let fault_fits =
            if exact { self.fault.name() == fault } else { fits(self.fault.name(), fault) };
        let exact = Contender::ALL.iter().any(|known| known.name() == contender);
        let name = self.contender.name();
        fault_fits && if exact { name == contender } else { fits(&name, contender) }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.contender.name(), self.fault.name())
    }
}
