use vipcast_ipam::{AllocateError, Lost, Owner};
use vipcast_plan::intent::Assignment;

/// What became of a service's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was given addresses, all of them new.
    Assigned {
        /// The service.
        service: Owner,
        /// What it holds now.
        assignment: Assignment,
    },
    /// It holds what it held.
    Kept {
        /// The service.
        service: Owner,
        /// What it holds.
        assignment: Assignment,
    },
    /// It holds something else than before, or the pool has another name.
    Changed {
        /// The service.
        service: Owner,
        /// What it held before.
        before: Assignment,
        /// What it holds now.
        after: Assignment,
        /// Why it lost addresses. Empty where it asked for others, or gained some.
        lost: Vec<Lost>,
    },
    /// It holds nothing any more.
    Cleared {
        /// The service.
        service: Owner,
        /// What it held before.
        before: Assignment,
        /// Why it lost its addresses; empty where the service is gone.
        lost: Vec<Lost>,
    },
    /// It could be given addresses, but what was assigned before is lost, and somebody may still
    /// hold them. They are probed first.
    Probing {
        /// The service.
        service: Owner,
        /// What it gets if nobody answers.
        candidate: Assignment,
    },
    /// Its name is too long to be agreed on.
    NameTooLong {
        /// The service.
        service: Owner,
    },
    /// It asks for what the pools cannot give.
    Refused {
        /// The service.
        service: Owner,
        /// Why.
        why: AllocateError,
    },
}

impl Outcome {
    /// The service.
    #[must_use]
    pub const fn service(&self) -> &Owner {
        match self {
            Self::Assigned { service, .. }
            | Self::Kept { service, .. }
            | Self::Changed { service, .. }
            | Self::Cleared { service, .. }
            | Self::Probing { service, .. }
            | Self::NameTooLong { service }
            | Self::Refused { service, .. } => service,
        }
    }

    /// It has nothing, or not what it could have, and may stay so for long.
    pub(super) const fn waits(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Probing { .. } | Self::NameTooLong { .. })
    }

    /// A short name that never changes, for machines.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Assigned { .. } => "assigned",
            Self::Kept { .. } => "kept",
            Self::Changed { .. } => "changed",
            Self::Cleared { .. } => "cleared",
            Self::Probing { .. } => "probing",
            Self::NameTooLong { .. } => "nameTooLong",
            Self::Refused { .. } => "refused",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Assigned { service, assignment } => {
                write!(f, "{service} is given {}", List(assignment))
            }
            Self::Kept { service, assignment } => write!(f, "{service} keeps {}", List(assignment)),
            Self::Changed { service, before, after, lost } => {
                write!(f, "{service} has {} in place of {}", List(after), List(before))?;
                why_lost(f, lost)
            }
            Self::Cleared { service, before, lost } => {
                write!(f, "{service} gives back {}", List(before))?;
                why_lost(f, lost)
            }
            Self::Probing { service, candidate } => {
                write!(f, "{service} waits until nobody answers for {}", List(candidate))
            }
            Self::NameTooLong { service } => write!(
                f,
                "{service} gets no address: namespace and name have more than 197 octets together, and \
                 nodes cannot agree on that; give it a shorter name"
            ),
            Self::Refused { service, why } => write!(f, "{service} gets no address: {why}"),
        }
    }
}

fn why_lost(f: &mut std::fmt::Formatter<'_>, lost: &[Lost]) -> std::fmt::Result {
    for (position, Lost { address, why }) in lost.iter().enumerate() {
        let separator = if position == 0 { ": " } else { "; " };
        write!(f, "{separator}{address}: {why}")?;
    }
    Ok(())
}

struct List<'a>(&'a Assignment);

impl std::fmt::Display for List<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, (address, pool)) in self.0.addresses.iter().enumerate() {
            let separator = if position == 0 { "" } else { " and " };
            write!(f, "{separator}{address} (pool {pool})")?;
        }
        Ok(())
    }
}
