use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{contender::Contender, figures::Figures};
use crate::{Result, race::lines::Lines};

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
    file: Option<Lines>,
    records: Vec<Record>,
}

impl Book {
    /// Opens or begins a file.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let (file, records) = Lines::open(path)?;
        Ok(Self { file: Some(file), records })
    }

    pub(super) fn add(&mut self, record: Record) -> Result<()> {
        if let Some(file) = &mut self.file {
            file.add(&record)?;
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
