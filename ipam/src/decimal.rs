//! Counts that may exceed 64 bits, as decimal text: JSON numbers would lose digits in many readers.

use serde::Serializer;

pub(crate) fn serialize<S: Serializer>(count: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(count)
}
