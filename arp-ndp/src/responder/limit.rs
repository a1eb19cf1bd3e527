use vipcast_sans_io::Instant;

use crate::{MacAddr, Refusal, ResponderConfig, lru::Lru, rate::Bucket};

/// Who may be answered, so that nobody makes this node send more than it should.
///
/// Each hardware address has its own bucket, so that one flooder does not silence the addresses for
/// the others.
#[derive(Debug)]
pub(super) struct Limiter {
    /// By their hardware addresses as numbers, which compare faster than octets.
    requesters: Lru<u64, Bucket>,
    all: Bucket,
}

impl Limiter {
    pub(super) fn new(config: &ResponderConfig) -> Self {
        Self { requesters: Lru::new(config.limited_requesters), all: Bucket::default() }
    }

    /// Takes one answer off what this requester, and all together, may have.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        requester: MacAddr,
        config: &ResponderConfig,
    ) -> Result<(), Refusal> {
        let own = self.requesters.touch(number(requester), Bucket::default);
        if !own.is_none_or(|own| own.take(now, config.answers_per_requester)) {
            return Err(Refusal::RequesterRate);
        }
        if !self.all.take(now, config.answers_in_all) {
            return Err(Refusal::TotalRate);
        }
        Ok(())
    }

    /// How many requesters are remembered.
    pub(super) fn len(&self) -> usize {
        self.requesters.len()
    }
}

fn number(mac: MacAddr) -> u64 {
    let [a, b, c, d, e, f] = mac.0;
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}
