use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write as _},
    path::Path,
};

/// The steps of a write that survives a crash at any point. A trait so that tests can crash there.
pub trait Disk {
    /// The bytes of a file; `None` where there is none.
    ///
    /// # Errors
    ///
    /// When there is a file and it cannot be read.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// Writes a file anew. Nothing of it is sure to last.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Puts bytes at a place in a file, which ends behind them. Nothing of it is sure to last.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn append(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was written to a file last.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn sync(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name, in the place of whatever had it.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a folder last.
    ///
    /// # Errors
    ///
    /// As the system says.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// The disk of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        file.write_all(bytes)
    }

    fn append(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        file.set_len(at)?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

/// Replaces a file such that at any moment, a crash included, either all of the old bytes are under
/// its name or all of the new ones.
pub(super) fn replace(disk: &impl Disk, dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!(".{name}.tmp"));
    disk.write(&temporary, bytes)?;
    disk.sync(&temporary)?;
    disk.rename(&temporary, &dir.join(name))?;
    disk.sync_dir(dir)
}
