//! Times as Kubernetes writes them.

use k8s_openapi::jiff::Timestamp;

/// `seconds` since 1970: `2027-01-15T08:00:00Z`.
pub(crate) fn rfc3339(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// The same where microseconds must be written, which are not known.
pub(crate) fn micro(seconds: i64) -> String {
    format!("{}.000000Z", rfc3339(seconds).trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_server_that_wants_microseconds_gets_all_six() {
        assert_eq!(super::micro(1_800_000_000), "2027-01-15T08:00:00.000000Z");
    }
}
