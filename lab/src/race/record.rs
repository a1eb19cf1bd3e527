//! The file of runs.

use std::{path::Path, sync::Mutex};

use serde::{Deserialize, Serialize};

use super::lines::Lines;
use crate::{Result, lock::lock};

/// One run: a line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// The cell, as `contender/fault`.
    pub cell: String,
    /// The address.
    pub address: String,
    /// The machine's load in the minute before the end of the run.
    pub load: f64,
    /// Why the run does not count, if it does not.
    pub void: Option<String>,
    /// What was measured, unless the run could not be made.
    pub figures: Option<Figures>,
}

/// What a run measured. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Figures {
    /// The longest time without an answer at the client.
    pub outage: f64,
    /// Whether the client was served again by the end.
    pub recovered: bool,
    /// How many probes were lost, of those sent after the fault.
    pub lost: usize,
    /// The longest time in which nobody answered the newcomer.
    pub newcomer: f64,
    /// Whether the newcomer was answered again by the end.
    pub newcomer_recovered: bool,
    /// From the fault until another node spoke as the owner, if one did.
    pub moved: Option<f64>,
    /// How long two nodes spoke as owners: after contact, where a cut is healed, else after the fault.
    pub two_owners: f64,
    /// Whether they still did at the end.
    pub two_owners_at_end: bool,
    /// Where the daemon was stopped and another node took over: the ARP frames that the old one sent
    /// for the address in the first second after it went on.
    pub stale: Option<usize>,
    /// How far the harness itself was held up after the fault, at most.
    pub stall: f64,
}

/// All runs so far, with the file that they are added to.
#[derive(Debug)]
pub(super) struct Book {
    file: Mutex<Lines>,
    records: Mutex<Vec<Record>>,
}

impl Book {
    /// Opens or begins a file.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let (file, records) = Lines::open(path)?;
        Ok(Self { file: Mutex::new(file), records: Mutex::new(records) })
    }

    /// Adds a run.
    pub(super) fn add(&self, record: Record) -> Result<()> {
        // Held until both have it: lines and records are in one order.
        let mut file = lock(&self.file);
        file.add(&record)?;
        lock(&self.records).push(record);
        Ok(())
    }

    /// All that is in the file.
    pub(super) fn records(&self) -> Vec<Record> {
        lock(&self.records).clone()
    }

    /// How many runs of a cell count.
    pub(super) fn counted(&self, cell: &str) -> usize {
        let records = lock(&self.records);
        records.iter().filter(|record| record.cell == cell && record.void.is_none()).count()
    }
}
