//! Where costly things are kept between runs and between clones.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// `${XDG_CACHE_HOME:-~/.cache}/vipcast/NAME`, created; where neither can be written, the same under `fallback`.
pub(crate) fn dir(name: &str, fallback: &Path) -> Result<PathBuf> {
    let homes = [
        env::var_os("XDG_CACHE_HOME").map(PathBuf::from),
        env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")),
    ];
    let wanted = homes.into_iter().flatten().find(|path| path.is_absolute());
    if let Some(dir) = wanted.map(|home| home.join("vipcast").join(name))
        && writable(&dir)
    {
        return Ok(dir);
    }
    let dir = fallback.join("vipcast-cache").join(name);
    fs::create_dir_all(&dir).with_context(|| {
        format!(
            "no cache folder: set XDG_CACHE_HOME to a folder that can be written ({})",
            dir.display()
        )
    })?;
    Ok(dir)
}

/// Whether a file can be made there; permission bits alone would not tell of a read-only mount.
fn writable(dir: &Path) -> bool {
    let probe = dir.join(format!(".probe-{}", std::process::id()));
    fs::create_dir_all(dir).is_ok()
        && fs::write(&probe, "").is_ok()
        && fs::remove_file(&probe).is_ok()
}
