//! What nodes have agreed on, as one of them keeps it.

use std::{io, path::PathBuf};

use vipcast_announcer::agreement::Ledger;

use super::{
    disk::{Disk, OsDisk, replace},
    folder::{StateError, StateFolder},
};

/// The file `agreed.NODE`: records, each put behind the last, and rewritten when they have grown.
#[derive(Debug)]
pub struct AgreedFile<D = OsDisk> {
    folder: PathBuf,
    name: String,
    /// So many octets are kept for good; what is behind them is of a write that failed.
    kept: u64,
    disk: D,
}

impl<D: Disk + Clone> StateFolder<D> {
    /// What was kept of an agreement, and where to keep more.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn agreed(&self) -> Result<(Vec<u8>, AgreedFile<D>), StateError> {
        let name = self.own_name("agreed");
        let bytes = self.read(&self.path().join(&name))?.unwrap_or_default();
        let kept = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let (folder, disk) = (self.path().to_owned(), self.disk().clone());
        Ok((bytes, AgreedFile { folder, name, kept, disk }))
    }

    /// Sets damaged bytes aside, so that this node begins anew, as one that remembers nothing. Where
    /// the copy is.
    ///
    /// # Errors
    ///
    /// When the system refuses. Then all is as before.
    pub fn forget_agreed(&self, bytes: &[u8]) -> Result<PathBuf, StateError> {
        let name = self.own_name("agreed");
        let copy = self.copy_aside(&name, bytes)?;
        self.write(&name, &[])?;
        Ok(copy)
    }
}

impl<D: Disk + Send + 'static> Ledger for AgreedFile<D> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let path = self.folder.join(&self.name);
        self.disk.append(&path, self.kept, bytes)?;
        self.disk.sync(&path)?;
        self.kept += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(())
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        replace(&self.disk, &self.folder, &self.name, bytes)?;
        self.kept = u64::try_from(bytes.len()).unwrap_or(0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn records_are_put_behind_each_other_and_what_a_failed_write_left_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(dir.path(), "node a").unwrap();
        let (bytes, mut file) = folder.agreed().unwrap();
        assert_eq!(bytes, b"");
        file.replace(b"one").unwrap();
        file.append(b"two").unwrap();
        // As a write leaves it that the disk was full for.
        let path = dir.path().join("agreed.node_a");
        fs::write(&path, b"onetwothr").unwrap();
        file.append(b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"onetwothree");

        let (bytes, mut file) = folder.agreed().unwrap();
        assert_eq!(bytes, b"onetwothree");
        file.append(b"four").unwrap();
        file.replace(b"five").unwrap();
        file.append(b"six").unwrap();
        let (bytes, _) = folder.agreed().unwrap();
        assert_eq!(bytes, b"fivesix");

        let copy = folder.forget_agreed(&bytes).unwrap();
        assert_eq!(fs::read(copy).unwrap(), b"fivesix");
        assert_eq!(folder.agreed().unwrap().0, b"");
    }
}
