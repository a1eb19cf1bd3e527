use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{contender::Contender, figures::Figures};
use crate::{Result, error::LabError};

/// One round of one contender: a line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) contender: Contender,
    pub(super) addresses: u32,
    pub(super) round: usize,
    /// Why it does not count, if it does not.
    pub(super) void: Option<String>,
    pub(super) figures: Figures,
}

/// All rounds so far, and the file that they are added to, where there is one.
#[derive(Debug, Default)]
pub(super) struct Book {
    file: Option<File>,
    records: Vec<Record>,
}

impl Book {
    /// Opens or begins a file. A last line that was not finished is passed over.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |error| LabError::io(format!("open {}", path.display()))(error);
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).open(path).map_err(failed)?;
        let lines = BufReader::new(&file).lines().collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let records = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if lines.last().is_some_and(|line| serde_json::from_str::<Record>(line).is_err()) {
            file.write_all(b"\n").map_err(failed)?;
        }
        Ok(Self { file: Some(file), records })
    }

    pub(super) fn add(&mut self, record: Record) -> Result<()> {
        let failed = |error| LabError::io("write the file of rounds")(error);
        let line = serde_json::to_string(&record).map_err(|error| failed(error.into()))?;
        if let Some(file) = &mut self.file {
            file.write_all(format!("{line}\n").as_bytes()).map_err(failed)?;
        }
        self.records.push(record);
        Ok(())
    }

    /// What counts of a contender.
    pub(super) fn counted(
        &self,
        contender: Contender,
        addresses: u32,
    ) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| {
            record.contender == contender && record.addresses == addresses && record.void.is_none()
        })
    }

    /// How many rounds did not count.
    pub(super) fn void(&self, addresses: u32) -> usize {
        let of = |record: &&Record| record.addresses == addresses && record.void.is_some();
        self.records.iter().filter(of).count()
    }
}
