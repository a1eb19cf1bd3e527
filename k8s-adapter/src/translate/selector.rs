use vipcast_ipam::{LabelSelector, Requirement};

use super::Faults;
use crate::{Problem, kinds, positions, problem::SelectorFault};

/// A list of selectors without twins.
pub(super) fn translate_all(
    selectors: &[kinds::LabelSelector],
    field: &str,
    faults: &mut Faults<'_>,
) -> Vec<LabelSelector> {
    faults.no_twins(field, selectors, |_| "this selector".to_owned());
    let each = selectors.iter().enumerate();
    each.map(|(at, selector)| translate(selector, &positions::index(field, at), faults)).collect()
}

pub(super) fn translate(
    selector: &kinds::LabelSelector,
    field: &str,
    faults: &mut Faults<'_>,
) -> LabelSelector {
    let equal = selector.match_labels.iter();
    let mut requirements: Vec<_> =
        equal.map(|(key, value)| Requirement::In(key.clone(), vec![value.clone()])).collect();
    for (at, expression) in selector.match_expressions.iter().enumerate() {
        let field = positions::index(&positions::join(field, "matchExpressions"), at);
        let key = expression.key.clone();
        if key.is_empty() {
            faults.error(&positions::join(&field, "key"), Problem::Missing);
        }
        let values = expression.values.clone();
        let wrong = match (expression.operator.as_str(), values.is_empty()) {
            ("In" | "NotIn", true) => Some(SelectorFault::ValuesMissing),
            ("Exists" | "DoesNotExist", false) => Some(SelectorFault::ValuesForbidden),
            ("In", false) => {
                requirements.push(Requirement::In(key, values));
                None
            }
            ("NotIn", false) => {
                requirements.push(Requirement::NotIn(key, values));
                None
            }
            ("Exists", true) => {
                requirements.push(Requirement::Exists(key));
                None
            }
            ("DoesNotExist", true) => {
                requirements.push(Requirement::DoesNotExist(key));
                None
            }
            _ => Some(SelectorFault::UnknownOperator),
        };
        if let Some(why) = wrong {
            let operator = expression.operator.clone();
            faults.error(
                &positions::join(&field, "operator"),
                Problem::BadSelector { operator, why },
            );
        }
    }
    LabelSelector { requirements }
}
