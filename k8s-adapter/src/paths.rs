use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Where the state is kept unless somebody says otherwise: `/var/lib/vipcast` for root; for others
/// `vipcast` in `$XDG_STATE_HOME`, which is `~/.local/state` where it is not set. `None` where not
/// even a home is known.
#[must_use]
pub fn default_state_dir() -> Option<PathBuf> {
    let root = rustix::process::geteuid().is_root();
    state_dir(root, env::var_os("XDG_STATE_HOME"), env::var_os("HOME"))
}

fn state_dir(root: bool, state_home: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    if root {
        return Some(PathBuf::from("/var/lib/vipcast"));
    }
    // The specification has relative paths ignored.
    let absolute = |value: OsString| Some(PathBuf::from(value)).filter(|path| path.is_absolute());
    let below_home = |home: PathBuf| home.join(Path::new(".local/state"));
    let base = state_home.and_then(absolute).or_else(|| home.and_then(absolute).map(below_home))?;
    Some(base.join("vipcast"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(root: bool, state_home: Option<&str>, home: Option<&str>) -> Option<PathBuf> {
        state_dir(root, state_home.map(OsString::from), home.map(OsString::from))
    }

    #[test]
    fn root_keeps_its_state_under_var_and_others_under_their_home() {
        assert_eq!(dir(true, Some("/s"), None), Some("/var/lib/vipcast".into()));
        assert_eq!(dir(false, Some("/s"), Some("/h")), Some("/s/vipcast".into()));
        assert_eq!(dir(false, None, Some("/h")), Some("/h/.local/state/vipcast".into()));
        assert_eq!(dir(false, Some("s"), Some("/h")), Some("/h/.local/state/vipcast".into()));
        assert_eq!(dir(false, Some(""), None), None);
    }
}
