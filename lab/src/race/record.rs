//! The file of runs.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::Path,
    sync::Mutex,
};

use serde::{Deserialize, Serialize};

use crate::{Result, error::LabError, lock::lock};

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
    file: Mutex<File>,
    records: Mutex<Vec<Record>>,
}

impl Book {
    /// Opens or begins a file. A last line that was not finished is passed over.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |error| LabError::io(format!("open {}", path.display()))(error);
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).open(path).map_err(failed)?;
        let lines = BufReader::new(&file).lines().collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let records = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        // So that the next line does not become a part of an unfinished one.
        if lines.last().is_some_and(|line| serde_json::from_str::<Record>(line).is_err()) {
            file.write_all(b"\n").map_err(failed)?;
        }
        Ok(Self { file: Mutex::new(file), records: Mutex::new(records) })
    }

    /// Adds a run.
    pub(super) fn add(&self, record: Record) -> Result<()> {
        let failed = |error| LabError::io("write the file of runs")(error);
        let line = serde_json::to_string(&record).map_err(|error| failed(error.into()))?;
        let mut file = lock(&self.file);
        file.write_all(format!("{line}\n").as_bytes()).map_err(failed)?;
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
