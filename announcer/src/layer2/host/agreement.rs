use std::collections::VecDeque;

use tokio::sync::mpsc::error::TrySendError;
use vipcast_election::{
    Segment,
    beacon::wire::Refusal,
    register::{self, RegisterTransmit},
};
use vipcast_sans_io::Instant;

use super::{Host, elect::is_worth_telling};
use crate::{clock::Clock, layer2::Alarm};

/// Datagrams of an agreement, which is elsewhere, go by the sockets of the beacons.
impl Host {
    /// Hands over what came in, if it is signed as it should be: whoever floods the port fills no
    /// queue.
    pub(super) fn pass_on(&mut self, now: Instant, segment: &Segment, len: usize, from: &str) {
        if self.elector.beacons().is_none() {
            return;
        }
        let bytes = self.frame.get(..len).unwrap_or(&self.frame);
        let verdict = register::verify(bytes, &self.shared.keyring.borrow());
        match (verdict, &self.agreement) {
            (Ok(()), Some(agreement)) => {
                // What finds no room is lost, as any datagram may be.
                if let Err(TrySendError::Closed(_)) = agreement.try_send(bytes.to_vec()) {
                    self.agreement = None;
                }
            }
            (Ok(()), None) => {}
            (Err(why), _) => self.refuse(now, segment, why, from),
        }
    }

    fn refuse(&mut self, now: Instant, segment: &Segment, why: Refusal, from: &str) {
        if is_worth_telling(why) {
            self.raise(now, Alarm::Refused(segment.clone(), why), || from.to_owned());
        }
    }

    /// Sends what the agreement made: to all, or on the segments on which the one it is for is heard.
    pub(super) fn send_agreed(&mut self, datagrams: VecDeque<(RegisterTransmit, Vec<u8>)>) {
        let up = self.beacons.segments();
        let mut unsent = Vec::new();
        for (to, bytes) in datagrams {
            let near = |segment: &&Segment| match &to {
                RegisterTransmit::All => true,
                RegisterTransmit::To(name) => {
                    let known = self.report.nodes.get(&((*segment).clone(), name.clone()));
                    known.is_some_and(|node| node.there)
                }
            };
            let mut on: Vec<&Segment> = up.iter().filter(near).collect();
            if on.is_empty() {
                // Its beacons may not have been heard yet.
                on = up.iter().collect();
            }
            for segment in on {
                // A full socket loses it, as any link may.
                let _ =
                    self.beacons.send(segment, &bytes, |index, error| unsent.push((index, error)));
            }
        }
        self.note_unsent(Clock::now(), unsent);
    }
}
