//! Assignments as entries of a document that nodes agree on.
//!
//! ```text
//! format              1
//! 4/NAMESPACE/NAME    ADDRESS POOL     what a service has, by family
//! 6/NAMESPACE/NAME    ADDRESS POOL
//! rest/ADDRESS        NAMESPACE/NAME   who had it last; it is not handed out yet
//! ```

use std::{collections::BTreeMap, net::IpAddr, str};

use vipcast_election::register::{Changes, Document};
use vipcast_ipam::{Family, Owner};
use vipcast_plan::intent::Assignment;

/// One more for each change that an older program would misread.
const FORMAT: u32 = 1;

/// The longest name of an entry.
const LONGEST_KEY: usize = 200;

/// What nodes have agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entries {
    /// Who has what.
    pub(super) services: BTreeMap<Owner, Assignment>,
    /// Addresses that were released, and who had each last.
    pub(super) resting: BTreeMap<IpAddr, Owner>,
}

/// Why what nodes have agreed on cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntriesError {
    /// A later version of the program wrote it.
    #[error(
        "what is agreed has format {found}, and {FORMAT} is the newest known here; upgrade this node"
    )]
    TooNew {
        /// Its format.
        found: u32,
    },
    /// An entry is not what this program writes.
    #[error("the agreed entry `{key}` cannot be read; upgrade this node")]
    Unreadable {
        /// The entry's name.
        key: String,
    },
}

impl Entries {
    /// What is agreed; nothing in a document that nobody has written to yet.
    pub(super) fn read(document: &Document) -> Result<Self, EntriesError> {
        let mut entries = Self::default();
        for (key, value) in document.entries() {
            let unreadable = || EntriesError::Unreadable {
                key: String::from_utf8_lossy(key).escape_debug().to_string(),
            };
            let texts = str::from_utf8(key).ok().zip(str::from_utf8(value).ok());
            let (key, value) = texts.ok_or_else(unreadable)?;
            entries.take(key, value)?.ok_or_else(unreadable)?;
        }
        for assignment in entries.services.values_mut() {
            assignment.addresses.sort_by_key(|(address, _)| (Family::of(*address), *address));
        }
        Ok(entries)
    }

    fn take(&mut self, key: &str, value: &str) -> Result<Option<()>, EntriesError> {
        let taken = match key.split_once('/') {
            None if key == "format" => match value.parse() {
                Ok(FORMAT) => Some(()),
                Ok(found) if found > FORMAT => return Err(EntriesError::TooNew { found }),
                _ => None,
            },
            Some(("rest", address)) => {
                address.parse().ok().zip(value.parse().ok()).map(|(address, owner)| {
                    self.resting.insert(address, owner);
                })
            }
            Some(("4" | "6", owner)) => {
                let (address, pool) = value.split_once(' ').unwrap_or((value, ""));
                owner.parse().ok().zip(address.parse().ok()).map(|(owner, address)| {
                    let none = || Assignment { addresses: Vec::new() };
                    let of = self.services.entry(owner).or_insert_with(none);
                    of.addresses.push((address, pool.to_owned()));
                })
            }
            _ => None,
        };
        Ok(taken)
    }

    /// What turns the document into this.
    pub(super) fn changes_from(&self, document: &Document) -> Changes {
        let wanted = self.written();
        let gone = document.entries().filter(|(key, _)| !wanted.contains_key(*key));
        let mut changes: Changes = gone.map(|(key, _)| (key.to_vec(), None)).collect();
        let new = wanted.into_iter().filter(|(key, v)| document.get(key) != Some(v.as_slice()));
        changes.extend(new.map(|(key, value)| (key, Some(value))));
        changes
    }

    fn written(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut written = BTreeMap::from([("format".into(), FORMAT.to_string().into_bytes())]);
        for (owner, assignment) in &self.services {
            for (address, pool) in &assignment.addresses {
                let value = format!("{address} {pool}");
                written.insert(key(owner, *address).into_bytes(), value.into_bytes());
            }
        }
        for (address, owner) in &self.resting {
            written.insert(format!("rest/{address}").into_bytes(), owner.to_string().into_bytes());
        }
        written
    }

    /// All addresses that services have.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (&Owner, IpAddr)> {
        let all = self.services.iter();
        all.flat_map(|(owner, had)| had.addresses.iter().map(move |(address, _)| (owner, *address)))
    }
}

fn key(owner: &Owner, address: IpAddr) -> String {
    let family = if address.is_ipv4() { 4 } else { 6 };
    format!("{family}/{owner}")
}

/// Whether a service of this name can have an entry.
pub(super) fn fits(owner: &Owner) -> bool {
    owner.to_string().len() + 2 <= LONGEST_KEY
}
