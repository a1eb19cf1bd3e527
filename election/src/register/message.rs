//! Datagrams between the nodes that agree.
//!
//! The frame is that of a beacon, with the magic "VR". Types that are not known are skipped.

#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

use alloc::vec::Vec;

use super::{
    Ballot, HistoryId, Stamp, VoterId, codec,
    document::{BUCKETS, Changes, Key},
};
use crate::{
    NodeName,
    beacon::{
        Keyring, envelope,
        wire::{Refusal, TlvType, item},
    },
    reader::Reader,
};

/// One datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) name: NodeName,
    pub(super) voter: VoterId,
    /// `None` from a node that has part in no history yet.
    pub(super) history: Option<HistoryId>,
    /// Whom it is for; `None` for all.
    pub(super) to: Option<VoterId>,
    pub(super) status: Status,
    pub(super) lead: Option<Lead>,
    /// What leads to `status.accepted` from an earlier state.
    pub(super) delta: Option<(Stamp, Changes)>,
    /// The last tick of the leader of `status.promised` that was heard.
    pub(super) echo: Option<u64>,
    /// The sender would promise.
    pub(super) willing: bool,
    pub(super) want: Option<Want>,
    pub(super) sums: Option<(Stamp, Vec<u64>)>,
    pub(super) part: Option<Part>,
    /// The founding list that a node without history has, in short.
    pub(super) founding: Option<u64>,
}

/// What a node has promised and accepted, and keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) promised: Ballot,
    pub(super) accepted: Stamp,
    pub(super) committed: Stamp,
    /// Of what was accepted.
    pub(super) digest: u64,
}

/// What the sender wants under the ballot that it has promised itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// To know who would promise. Under no ballot yet.
    Ask,
    /// To lead.
    Prepare,
    /// That others accept what it has accepted.
    Accept { tick: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) stamp: Stamp,
    /// Which bucket, and after which key; `None` for the sums.
    pub(super) part: Option<(u8, Key)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) stamp: Stamp,
    pub(super) bucket: u8,
    pub(super) after: Key,
    pub(super) last: bool,
    pub(super) entries: Vec<(Key, Vec<u8>)>,
}

/// Whether a datagram is signed as the keyring wants.
pub(super) fn verify(bytes: &[u8], keyring: &Keyring) -> Result<(), Refusal> {
    envelope::open(bytes, MAGIC, VERSION, keyring).map(|_| ())
}

impl Message {
    pub(super) fn encode(&self, keyring: &Keyring, buf: &mut Vec<u8>) {
        envelope::begin(MAGIC, VERSION, keyring, buf);
        item(buf, kind::NAME, |buf| buf.extend(self.name.as_str().bytes()));
        item(buf, kind::SENDER, |buf| {
            buf.extend(self.voter.0.to_be_bytes());
            buf.extend(self.history.map_or(0, |history| history.0).to_be_bytes());
            buf.extend(self.to.map_or(0, |to| to.0).to_be_bytes());
        });
        item(buf, kind::STATUS, |buf| {
            codec::put_ballot(buf, self.status.promised);
            codec::put_stamp(buf, self.status.accepted);
            codec::put_stamp(buf, self.status.committed);
            buf.extend(self.status.digest.to_be_bytes());
        });
        match self.lead {
            None => {}
            Some(Lead::Ask) => item(buf, kind::ASK, |_| {}),
            Some(Lead::Prepare) => item(buf, kind::PREPARE, |_| {}),
            Some(Lead::Accept { tick }) => item(buf, kind::ACCEPT, |buf| put(buf, tick)),
        }
        if let Some((from, changes)) = &self.delta {
            item(buf, kind::DELTA, |buf| {
                codec::put_stamp(buf, *from);
                codec::put_changes(buf, changes);
            });
        }
        if let Some(tick) = self.echo {
            item(buf, kind::ECHO, |buf| put(buf, tick));
        }
        if self.willing {
            item(buf, kind::WILLING, |_| {});
        }
        if let Some(want) = &self.want {
            item(buf, kind::WANT, |buf| {
                codec::put_stamp(buf, want.stamp);
                if let Some((bucket, after)) = &want.part {
                    buf.push(*bucket);
                    buf.extend(after);
                }
            });
        }
        if let Some((stamp, sums)) = &self.sums {
            item(buf, kind::SUMS, |buf| {
                codec::put_stamp(buf, *stamp);
                sums.iter().for_each(|sum| put(buf, *sum));
            });
        }
        if let Some(part) = &self.part {
            item(buf, kind::PART, |buf| {
                codec::put_stamp(buf, part.stamp);
                buf.extend([part.bucket, u8::from(part.last)]);
                codec::put_entry(buf, &part.after, None);
                for (key, value) in &part.entries {
                    codec::put_entry(buf, key, Some(value));
                }
            });
        }
        if let Some(list) = self.founding {
            item(buf, kind::FOUNDING, |buf| put(buf, list));
        }
        envelope::seal(keyring, buf);
    }

    pub(super) fn decode(bytes: &[u8], keyring: &Keyring) -> Result<Self, Refusal> {
        let mut reader = Reader(envelope::open(bytes, MAGIC, VERSION, keyring)?);
        let mut items = Items::default();
        while let Some(kind) = reader.u8().map(TlvType) {
            let length = Refusal::Length(kind);
            let len = reader.u16().ok_or(length)?;
            let value = reader.take(usize::from(len)).ok_or(length)?;
            items.item(kind, Reader(value)).ok_or(Refusal::Value(kind))?;
        }
        let (voter, history, to) = items.sender.ok_or(Refusal::Missing(kind::SENDER))?;
        let (lead, status) = (items.lead, items.status.ok_or(Refusal::Missing(kind::STATUS))?);
        Ok(Self {
            name: items.name.ok_or(Refusal::Missing(kind::NAME))?,
            voter: VoterId(voter),
            history: (history != 0).then_some(HistoryId(history)),
            to: (to != 0).then_some(VoterId(to)),
            status,
            lead,
            delta: items.delta,
            echo: items.echo,
            willing: items.willing.is_some(),
            want: items.want,
            sums: items.sums,
            part: items.part,
            founding: items.founding,
        })
    }
}

#[derive(Default)]
struct Items {
    name: Option<NodeName>,
    sender: Option<(u64, u64, u64)>,
    status: Option<Status>,
    lead: Option<Lead>,
    delta: Option<(Stamp, Changes)>,
    echo: Option<u64>,
    willing: Option<()>,
    want: Option<Want>,
    sums: Option<(Stamp, Vec<u64>)>,
    part: Option<Part>,
    founding: Option<u64>,
}

impl Items {
    /// `None` if it cannot be, or was there before.
    fn item(&mut self, kind: TlvType, mut value: Reader<'_>) -> Option<()> {
        match kind {
            kind::NAME => {
                let name = value.take(value.0.len())?;
                let name =
                    core::str::from_utf8(name).ok().filter(|n| (1..254).contains(&n.len()))?;
                once(&mut self.name, NodeName::new(name))?;
            }
            kind::SENDER => {
                let sender = (value.u64()?, value.u64()?, value.u64()?);
                once(&mut self.sender, sender)?;
            }
            kind::STATUS => {
                let promised = codec::ballot(&mut value)?;
                let (accepted, committed) =
                    codec::stamp(&mut value).zip(codec::stamp(&mut value))?;
                let digest = value.u64()?;
                once(&mut self.status, Status { promised, accepted, committed, digest })?;
            }
            kind::ASK => once(&mut self.lead, Lead::Ask)?,
            kind::PREPARE => once(&mut self.lead, Lead::Prepare)?,
            kind::WILLING => once(&mut self.willing, ())?,
            kind::ACCEPT => once(&mut self.lead, Lead::Accept { tick: value.u64()? })?,
            kind::DELTA => {
                let delta = codec::stamp(&mut value).zip(codec::changes(&mut value))?;
                once(&mut self.delta, delta)?;
            }
            kind::ECHO => once(&mut self.echo, value.u64()?)?,
            kind::WANT => {
                let stamp = codec::stamp(&mut value)?;
                let part = match value.u8() {
                    Some(bucket) => Some((bucket, value.take(value.0.len())?.to_vec())),
                    None => None,
                };
                once(&mut self.want, Want { stamp, part })?;
            }
            kind::SUMS => {
                let stamp = codec::stamp(&mut value)?;
                let mut sums = Vec::new();
                while let Some(sum) = value.u64() {
                    sums.push(sum);
                }
                once(&mut self.sums, (stamp, sums)).filter(|()| value.is_empty())?;
                self.sums.as_ref().filter(|(_, sums)| sums.len() == BUCKETS)?;
            }
            kind::PART => {
                let (stamp, bucket, last) =
                    (codec::stamp(&mut value)?, value.u8()?, value.u8()? != 0);
                let (after, _) = codec::entry(&mut value)?;
                let mut entries: Vec<(Key, Vec<u8>)> = Vec::new();
                while !value.is_empty() {
                    let (key, content) = codec::entry(&mut value)?;
                    let before = entries.last().map_or(&after, |(key, _)| key);
                    if key <= *before {
                        return None;
                    }
                    entries.push((key, content?));
                }
                once(&mut self.part, Part { stamp, bucket, after, last, entries })?;
            }
            kind::FOUNDING => once(&mut self.founding, value.u64()?)?,
            // What a newer node says beyond this is not for us.
            _ => return Some(()),
        }
        value.is_empty().then_some(())
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

fn put(buf: &mut Vec<u8>, number: u64) {
    buf.extend(number.to_be_bytes());
}

/// The types of items.
mod kind {
    use crate::beacon::wire::TlvType;

    pub(super) const NAME: TlvType = TlvType(1);
    pub(super) const SENDER: TlvType = TlvType(2);
    pub(super) const STATUS: TlvType = TlvType(3);
    pub(super) const PREPARE: TlvType = TlvType(4);
    pub(super) const ACCEPT: TlvType = TlvType(5);
    pub(super) const DELTA: TlvType = TlvType(6);
    pub(super) const ECHO: TlvType = TlvType(7);
    pub(super) const WANT: TlvType = TlvType(8);
    pub(super) const SUMS: TlvType = TlvType(9);
    pub(super) const PART: TlvType = TlvType(10);
    pub(super) const FOUNDING: TlvType = TlvType(11);
    pub(super) const ASK: TlvType = TlvType(12);
    pub(super) const WILLING: TlvType = TlvType(13);
}

/// How a datagram of this kind begins.
pub(super) const MAGIC: envelope::Magic = *b"VR";
const VERSION: u8 = 1;
