//! A file of results, one a line: what is there is not measured again.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::Path,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{Result, error::LabError};

#[derive(Debug)]
pub(super) struct Lines(File);

impl Lines {
    /// Opens or begins a file, and reads what is there. A last line that was not finished is passed
    /// over.
    pub(super) fn open<T: DeserializeOwned>(path: &Path) -> Result<(Self, Vec<T>)> {
        let failed = |error| LabError::io(format!("open {}", path.display()))(error);
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).open(path).map_err(failed)?;
        let lines = BufReader::new(&file).lines().collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let records = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        // So that the next line does not become a part of an unfinished one.
        if lines.last().is_some_and(|line| serde_json::from_str::<T>(line).is_err()) {
            file.write_all(b"\n").map_err(failed)?;
        }
        Ok((Self(file), records))
    }

    pub(super) fn add(&mut self, record: &impl Serialize) -> Result<()> {
        let failed = |error| LabError::io("write the file of results")(error);
        let line = serde_json::to_string(record).map_err(|error| failed(error.into()))?;
        self.0.write_all(format!("{line}\n").as_bytes()).map_err(failed)
    }
}
