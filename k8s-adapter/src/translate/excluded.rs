use serde::Deserialize;
use vipcast_plan::LinkExpression;

use super::Faults;
use crate::{Problem, kinds::ConfigMap};

/// The text under the key, as far as it is used.
#[derive(Debug, Default, Deserialize)]
struct Excluded {
    #[serde(default, rename = "announcedInterfacesToExclude")]
    links: Option<Vec<String>>,
}

/// The links that are never announced on.
pub(super) fn translate(
    object: &ConfigMap,
    faults: &mut Faults<'_>,
) -> Option<Vec<LinkExpression>> {
    let field = format!("data[\"{}\"]", ConfigMap::EXCLUDED_LINKS_KEY);
    let Some(text) = object.data.get(ConfigMap::EXCLUDED_LINKS_KEY) else {
        faults.error("data", Problem::Missing);
        return None;
    };
    let links = match serde_saphyr::from_str::<Excluded>(text) {
        Ok(excluded) => excluded.links.unwrap_or_default(),
        Err(error) => {
            let why = error.to_string().lines().next().unwrap_or_default().to_owned();
            faults.error(&field, Problem::Malformed { why });
            return None;
        }
    };
    let mut expressions = Vec::new();
    for (at, link) in links.iter().enumerate() {
        match link.parse() {
            Ok(expression) => expressions.push(expression),
            Err(why) => {
                let why = format!("announcedInterfacesToExclude[{at}]: {why}");
                faults.error(&field, Problem::Malformed { why });
            }
        }
    }
    faults.accept(expressions)
}
