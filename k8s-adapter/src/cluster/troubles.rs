use std::{collections::BTreeMap, fmt};

use crate::kinds::Kind;

/// The kinds that cannot be followed, and why. Each change is logged once.
#[derive(Debug, Default)]
pub(crate) struct Troubles(BTreeMap<Kind, String>);

impl Troubles {
    /// Objects of a kind cannot be followed, or can be again; meanwhile `this_stays`.
    pub(crate) fn note(&mut self, kind: Kind, why: Option<&String>, this_stays: &str) {
        let before = match why {
            Some(why) => self.0.insert(kind, why.clone()),
            None => self.0.remove(&kind),
        };
        match why {
            Some(why) if before.as_ref() != Some(why) => {
                tracing::warn!("cannot follow objects of kind {kind}: {why}; {this_stays}");
            }
            None if before.is_some() => {
                tracing::info!("objects of kind {kind} are followed again");
            }
            _ => {}
        }
    }

    /// Why pools or advertisements cannot be followed.
    pub(crate) fn of_metallb(&self) -> Option<String> {
        let troubles = self.0.iter().filter(|(kind, _)| kind.is_metallb());
        let texts: Vec<String> = troubles.map(|(kind, why)| format!("{kind}: {why}")).collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Troubles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (kind, why)) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}{kind}: {why}")?;
        }
        Ok(())
    }
}
