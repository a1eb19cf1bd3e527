use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};
use vipcast_ipam::{Family, Owner};
use vipcast_plan::{Intent, intent::Assignment};

/// The version of the file's form. One more for each change that an older program would misread.
const FORMAT: u32 = 1;

/// Who was given which addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignments {
    /// How often they were written. A write that read another revision is refused.
    pub revision: u64,
    /// The addresses of each service.
    pub services: BTreeMap<Owner, Assignment>,
}

impl Assignments {
    /// Gives each service of the snapshot the addresses that are written here, and no others.
    pub fn apply(&self, intent: &mut Intent) {
        for (owner, service) in &mut intent.services {
            service.assignment = self.services.get(owner).cloned();
        }
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
        Ok(Self { revision: form.revision, services })
    }
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
    services: BTreeMap<String, Vec<AddressForm>>,
}

#[derive(Serialize, Deserialize)]
struct AddressForm {
    address: IpAddr,
    pool: String,
}
