use alloc::vec::Vec;
use core::{net::IpAddr, num::NonZeroU16, time::Duration};

use super::{
    Beacon, Entry, Failing, HIGHEST_EPOCH, HardwareAddress, LONGEST_INTERVAL, LONGEST_LIFE,
    LONGEST_NAME, LifeId, MAGIC, MOST_ENTRIES, MOST_FAILING, MOST_HARDWARE, MOST_LIVES, Refusal,
    SHORTEST_INTERVAL, SegmentTag, SyncRange, TENTH, TableDigest, Tenure, TlvType, VERSION, bits,
    state,
};
use crate::{
    Epoch, NodeName,
    beacon::{envelope, keys::Keyring},
    placement::{MOST_MOVES, Weight},
    reader::Reader,
};

impl Beacon {
    /// Reads a datagram that the keyring believes.
    ///
    /// # Errors
    /// Why it is refused. What follows a signature that does not fit is not looked at.
    pub fn decode(bytes: &[u8], keyring: &Keyring) -> Result<Self, Refusal> {
        Items::read(envelope::open(bytes, MAGIC, VERSION, keyring)?)?.beacon()
    }
}

/// The items of a datagram, as far as they were read.
#[derive(Default)]
struct Items {
    sender: Option<(u64, u64)>,
    name: Option<NodeName>,
    segment: Option<SegmentTag>,
    timing: Option<(Duration, Duration)>,
    state: Option<(u8, Weight)>,
    hardware: Option<Vec<HardwareAddress>>,
    hears: Option<Vec<LifeId>>,
    digest: Option<TableDigest>,
    probes: Option<Vec<LifeId>>,
    sync_wanted: Option<Vec<LifeId>>,
    failing: Option<Vec<Failing>>,
    changes: Option<Vec<(IpAddr, Option<Entry>)>>,
    sync: Option<SyncRange>,
}

impl Items {
    fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let (mut items, mut reader) = (Self::default(), Reader(bytes));
        while let Some(kind) = reader.u8().map(TlvType) {
            let length = Refusal::Length(kind);
            let len = reader.u16().ok_or(length)?;
            let value = reader.take(usize::from(len)).ok_or(length)?;
            items.item(kind, Reader(value))?;
        }
        Ok(items)
    }

    fn item(&mut self, kind: TlvType, mut value: Reader<'_>) -> Result<(), Refusal> {
        let length = Refusal::Length(kind);
        match kind {
            TlvType::SENDER => {
                let sender = value.u64().zip(value.u64()).ok_or(length)?;
                once(&mut self.sender, sender, kind)?;
            }
            TlvType::NAME => once(&mut self.name, name(&mut value)?, kind)?,
            TlvType::SEGMENT => {
                once(&mut self.segment, SegmentTag(value.u64().ok_or(length)?), kind)?;
            }
            TlvType::TIMING => {
                let (interval, life) = value.u32().zip(value.u32()).ok_or(length)?;
                let (interval, life) = (micros(interval), micros(life));
                let sane = (SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&interval);
                if !sane || life > LONGEST_LIFE {
                    return Err(Refusal::Value(kind));
                }
                once(&mut self.timing, (interval, life), kind)?;
            }
            TlvType::STATE => {
                let (flags, weight) = value.u8().zip(value.u16()).ok_or(length)?;
                let weight = NonZeroU16::new(weight).ok_or(Refusal::Value(kind))?;
                once(&mut self.state, (flags, weight), kind)?;
            }
            TlvType::HARDWARE => once(&mut self.hardware, hardware(&mut value, kind)?, kind)?,
            TlvType::HEARS => once(&mut self.hears, lives(&mut value, kind)?, kind)?,
            TlvType::DIGEST => {
                let (count, sum) = value.u16().zip(value.u64()).ok_or(length)?;
                once(&mut self.digest, TableDigest { count, sum }, kind)?;
            }
            TlvType::CHANGES => once(&mut self.changes, entries(&mut value, kind)?, kind)?,
            TlvType::SYNC => once(&mut self.sync, range(&mut value, kind)?, kind)?,
            TlvType::PROBES => once(&mut self.probes, lives(&mut value, kind)?, kind)?,
            TlvType::SYNC_WANTED => {
                once(&mut self.sync_wanted, lives(&mut value, kind)?, kind)?;
            }
            TlvType::FAILING => once(&mut self.failing, failing(&mut value, kind)?, kind)?,
            // What a newer node says beyond this is not for us.
            _ => return Ok(()),
        }
        if value.is_empty() { Ok(()) } else { Err(length) }
    }

    fn beacon(self) -> Result<Beacon, Refusal> {
        let missing = |kind| move || Refusal::Missing(kind);
        let (incarnation, sequence) = self.sender.ok_or_else(missing(TlvType::SENDER))?;
        let (interval, token_life) = self.timing.ok_or_else(missing(TlvType::TIMING))?;
        let (flags, weight) = self.state.ok_or_else(missing(TlvType::STATE))?;
        Ok(Beacon {
            name: self.name.ok_or_else(missing(TlvType::NAME))?,
            segment: self.segment.ok_or_else(missing(TlvType::SEGMENT))?,
            incarnation,
            sequence,
            interval,
            token_life,
            starting: flags & state::STARTING != 0,
            draining: flags & state::DRAINING != 0,
            weight,
            hardware: self.hardware.unwrap_or_default(),
            hears: self.hears.ok_or_else(missing(TlvType::HEARS))?,
            digest: self.digest.ok_or_else(missing(TlvType::DIGEST))?,
            probes: self.probes.unwrap_or_default(),
            sync_wanted: self.sync_wanted.unwrap_or_default(),
            failing: self.failing.unwrap_or_default(),
            changes: self.changes.unwrap_or_default(),
            sync: self.sync,
        })
    }
}

fn once<T>(slot: &mut Option<T>, value: T, kind: TlvType) -> Result<(), Refusal> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Refusal::Repeated(kind)),
    }
}

fn name(value: &mut Reader<'_>) -> Result<NodeName, Refusal> {
    let bytes = core::mem::take(&mut value.0);
    if bytes.is_empty() || bytes.len() > LONGEST_NAME {
        return Err(Refusal::Length(TlvType::NAME));
    }
    let name = core::str::from_utf8(bytes).map_err(|_| Refusal::Value(TlvType::NAME))?;
    let name = NodeName::new(name);
    // It is written into logs.
    if name.is_printable() { Ok(name) } else { Err(Refusal::Value(TlvType::NAME)) }
}

fn hardware(value: &mut Reader<'_>, kind: TlvType) -> Result<Vec<HardwareAddress>, Refusal> {
    let mut addresses = Vec::new();
    while !value.is_empty() {
        addresses.push(value.array().ok_or(Refusal::Length(kind))?);
        if addresses.len() > MOST_HARDWARE {
            return Err(Refusal::Value(kind));
        }
    }
    Ok(addresses)
}

fn lives(value: &mut Reader<'_>, kind: TlvType) -> Result<Vec<LifeId>, Refusal> {
    let mut lives = Vec::new();
    while !value.is_empty() {
        lives.push(LifeId(value.u64().ok_or(Refusal::Length(kind))?));
        if lives.len() > MOST_LIVES {
            return Err(Refusal::Value(kind));
        }
    }
    Ok(lives)
}

fn failing(value: &mut Reader<'_>, kind: TlvType) -> Result<Vec<Failing>, Refusal> {
    let length = Refusal::Length(kind);
    let mut listed = Vec::new();
    while !value.is_empty() {
        let (life, failures) = value.u64().zip(value.u8()).ok_or(length)?;
        let address = address(value, kind)?.ok_or(Refusal::Value(kind))?;
        if failures == 0 || listed.len() >= MOST_FAILING {
            return Err(Refusal::Value(kind));
        }
        listed.push(Failing { life: LifeId(life), address, failures });
    }
    Ok(listed)
}

fn range(value: &mut Reader<'_>, kind: TlvType) -> Result<SyncRange, Refusal> {
    let first = address(value, kind)?.ok_or(Refusal::Value(kind))?;
    let end = address(value, kind)?;
    let mut listed = Vec::new();
    for (at, entry) in entries(value, kind)? {
        let inside = at >= first && end.is_none_or(|end| at < end);
        let entry = entry.filter(|_| inside).ok_or(Refusal::Value(kind))?;
        listed.push((at, entry));
    }
    Ok(SyncRange { first, end, entries: listed })
}

/// Entries in the order of their addresses, each address once.
fn entries(value: &mut Reader<'_>, kind: TlvType) -> Result<Vec<(IpAddr, Option<Entry>)>, Refusal> {
    let mut entries: Vec<(IpAddr, Option<Entry>)> = Vec::new();
    while !value.is_empty() {
        let next = entry(value, kind)?;
        let ascends = entries.last().is_none_or(|(last, _)| *last < next.0);
        if !ascends || entries.len() >= MOST_ENTRIES {
            return Err(Refusal::Value(kind));
        }
        entries.push(next);
    }
    Ok(entries)
}

fn entry(value: &mut Reader<'_>, kind: TlvType) -> Result<(IpAddr, Option<Entry>), Refusal> {
    let length = Refusal::Length(kind);
    let flags = value.u8().ok_or(length)?;
    let has = |bit| flags & bit != 0;
    let at = if has(bits::IPV6) {
        IpAddr::from(value.array::<16>().ok_or(length)?)
    } else {
        IpAddr::from(value.array::<4>().ok_or(length)?)
    };
    let ages = flags >> bits::AGES;
    let bare = !has(bits::SUCCESSOR) && ages == 0;
    if has(bits::GONE) {
        let alone = bare && !has(bits::HELD) && !has(bits::STANDS);
        return if alone { Ok((at, None)) } else { Err(Refusal::Value(kind)) };
    }
    let mut entry = Entry { stands: has(bits::STANDS), held: None };
    if !has(bits::HELD) {
        return if bare { Ok((at, Some(entry))) } else { Err(Refusal::Value(kind)) };
    }
    let epoch = value.u64().ok_or(length)?;
    if epoch > HIGHEST_EPOCH || usize::from(ages) > MOST_MOVES {
        return Err(Refusal::Value(kind));
    }
    let successor = match has(bits::SUCCESSOR) {
        true => Some(LifeId(value.u64().ok_or(length)?)),
        false => None,
    };
    let mut moved = Vec::new();
    for _ in 0..ages {
        moved.push(TENTH * u32::from(value.u16().ok_or(length)?));
    }
    entry.held = Some(Tenure { epoch: Epoch(epoch), successor, moved });
    Ok((at, Some(entry)))
}

fn address(value: &mut Reader<'_>, kind: TlvType) -> Result<Option<IpAddr>, Refusal> {
    let length = Refusal::Length(kind);
    match value.u8().ok_or(length)? {
        0 => Ok(None),
        4 => Ok(Some(IpAddr::from(value.array::<4>().ok_or(length)?))),
        6 => Ok(Some(IpAddr::from(value.array::<16>().ok_or(length)?))),
        _ => Err(Refusal::Value(kind)),
    }
}

fn micros(micros: u32) -> Duration {
    Duration::from_micros(u64::from(micros))
}
