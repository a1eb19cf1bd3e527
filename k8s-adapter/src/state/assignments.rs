use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use serde::{Deserialize, Serialize};
use vipcast_ipam::{Family, Owner};
use vipcast_plan::{Intent, intent::Assignment};

/// The version of the file's form. One more for each change that an older program would misread.
const FORMAT: u32 = 1;

/// A cut is at the end; junk further up is for people to look at.
const SALVAGE_ATTEMPTS: usize = 64;

/// Who was given which addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignments {
    /// How often they were written. A write that read another revision is refused.
    pub revision: u64,
    /// The addresses of each service.
    pub services: BTreeMap<Owner, Assignment>,
    /// Some of it was lost. Until everybody is served again, an address that is not written here may
    /// still be held by somebody, and is handed out only after nobody answered for it.
    pub probing: bool,
}

impl Assignments {
    /// Gives each service of the snapshot the addresses that are written here, and no others.
    pub fn apply(&self, intent: &mut Intent) {
        for (owner, service) in &mut intent.services {
            service.assignment = self.services.get(owner).cloned();
        }
    }

    /// Takes over what `known` has of services that are not written here and of addresses that
    /// nobody has here.
    pub(crate) fn merge(&mut self, known: &BTreeMap<Owner, Assignment>) {
        let mut taken: BTreeSet<IpAddr> = addresses(self.services.values()).collect();
        for (owner, assignment) in known {
            let free = addresses([assignment]).all(|address| !taken.contains(&address));
            if free && !self.services.contains_key(owner) {
                taken.extend(addresses([assignment]));
                self.services.insert(owner.clone(), assignment.clone());
            }
        }
    }

    /// What can be read of a file that was cut off, up to the last service that is whole.
    pub(super) fn salvage(bytes: &[u8]) -> Self {
        let ends = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b']');
        let attempts = ends.take(SALVAGE_ATTEMPTS).filter_map(|(end, _)| {
            let head = bytes.get(..=end)?;
            Self::from_bytes(&[head, b"}}"].concat()).ok()
        });
        attempts.into_iter().next().unwrap_or_default()
    }

    pub(super) fn to_bytes(&self, writer: &str) -> Vec<u8> {
        let entry = |(address, pool): &(IpAddr, String)| AddressForm {
            address: *address,
            pool: pool.clone(),
        };
        let services = self.services.iter().map(|(owner, assignment)| {
            (owner.to_string(), assignment.addresses.iter().map(entry).collect())
        });
        let form = Form {
            format: FORMAT,
            revision: self.revision,
            written_by: writer.to_owned(),
            services: services.collect(),
            probing: self.probing,
        };
        // Strings, numbers and addresses in a map with string keys: nothing here can fail.
        let mut bytes = serde_json::to_vec_pretty(&form).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        let corrupt = |why: String| Unreadable::Corrupt(why);
        let version: Version =
            serde_json::from_slice(bytes).map_err(|error| corrupt(error.to_string()))?;
        if version.format > FORMAT {
            return Err(Unreadable::TooNew { found: version.format, newest: FORMAT });
        }
        let form: Form =
            serde_json::from_slice(bytes).map_err(|error| corrupt(error.to_string()))?;
        let mut services = BTreeMap::new();
        for (owner, addresses) in form.services {
            let owner: Owner =
                owner.parse().map_err(|error| corrupt(format!("in services: {error}")))?;
            let mut addresses: Vec<_> =
                addresses.into_iter().map(|form| (form.address, form.pool)).collect();
            addresses.sort_by_key(|(address, _)| (Family::of(*address), *address));
            services.insert(owner, Assignment { addresses });
        }
        Ok(Self { revision: form.revision, services, probing: form.probing })
    }
}

fn addresses<'a>(
    assignments: impl IntoIterator<Item = &'a Assignment>,
) -> impl Iterator<Item = IpAddr> {
    assignments.into_iter().flat_map(|assignment| assignment.addresses.iter().map(|(a, _)| *a))
}

/// Why the bytes of a state file are of no use.
pub(super) enum Unreadable {
    Corrupt(String),
    TooNew { found: u32, newest: u32 },
}

/// What every version of the form has.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Form {
    format: u32,
    revision: u64,
    #[serde(default)]
    written_by: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    probing: bool,
    services: BTreeMap<String, Vec<AddressForm>>,
}

#[derive(Serialize, Deserialize)]
struct AddressForm {
    address: IpAddr,
    pool: String,
}
