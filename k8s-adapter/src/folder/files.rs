use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Which folder a path led to: device and inode. A folder that was replaced has another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderIdentity {
    /// The device.
    pub device: u64,
    /// The inode.
    pub inode: u64,
}

/// What a folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Which folder it is.
    pub identity: FolderIdentity,
    /// The manifests in it, by name.
    pub files: BTreeMap<String, FileStamp>,
}

/// What tells one state of a file from another without reading it. All zero where even that much
/// cannot be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileStamp {
    /// The inode.
    pub inode: u64,
    /// The length in bytes.
    pub length: u64,
    /// When it was last written to: seconds and nanoseconds since 1970.
    pub modified: (i64, i64),
}

/// How a [`Follower`](crate::folder::Follower) reads a folder.
pub trait Files {
    /// The manifests in the folder.
    ///
    /// # Errors
    ///
    /// When the folder is gone or cannot be read.
    fn list(&self) -> io::Result<Listing>;

    /// The bytes of one of them.
    ///
    /// # Errors
    ///
    /// When the file is gone or cannot be read.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
}

/// Whether a file of this name is a manifest: `*.yaml`, `*.yml` or `*.json`, and not hidden.
///
/// Editors write to hidden files first, and a mounted ConfigMap keeps its versions in hidden
/// folders.
pub(super) fn is_manifest_name(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    !name.starts_with('.') && matches!(extension, Some("yaml" | "yml" | "json"))
}

/// A folder on disk. Folders in it are not looked into.
#[derive(Clone, Debug)]
pub struct DirFiles {
    dir: PathBuf,
}

impl DirFiles {
    /// The folder at `dir`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }
}

/// More than this is no manifest, but a mistake that should not fill the memory.
const LARGEST_FILE: u64 = 64 << 20;

impl Files for DirFiles {
    fn list(&self) -> io::Result<Listing> {
        let metadata = fs::metadata(&self.dir)?;
        let identity = FolderIdentity { device: metadata.dev(), inode: metadata.ino() };
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            // A link may lead anywhere; only what is surely a folder is left out here.
            if is_manifest_name(&name) && !entry.file_type()?.is_dir() {
                let stamp = fs::metadata(entry.path()).map(|metadata| FileStamp {
                    inode: metadata.ino(),
                    length: metadata.len(),
                    modified: (metadata.mtime(), metadata.mtime_nsec()),
                });
                files.insert(name, stamp.unwrap_or_default());
            }
        }
        Ok(Listing { identity, files })
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let path = self.dir.join(name);
        let metadata = fs::metadata(&path)?;
        if !metadata.is_file() {
            // Opening a pipe would wait for its writer.
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        if metadata.len() > LARGEST_FILE {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 64 MiB"));
        }
        fs::read(path)
    }
}
