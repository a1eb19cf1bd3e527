//! The number of a node's life, which rises from start to start even where the clock does not.

use super::{
    disk::Disk,
    folder::{StateError, StateFolder},
};

impl<D: Disk> StateFolder<D> {
    /// The number of the life that begins now: `clock`, in microseconds of the wall clock, or one
    /// more than that of the last life where the clock went back. It is on disk before it returns.
    ///
    /// # Errors
    ///
    /// When it cannot be read or written: then the clock alone must do.
    pub fn begin_life(&self, clock: u64) -> Result<u64, StateError> {
        let name = self.own_name("life");
        let last = self.read(&self.path().join(&name))?;
        let last = last.and_then(|bytes| String::from_utf8(bytes).ok()?.trim().parse::<u64>().ok());
        let life = last.map_or(clock, |last| clock.max(last.saturating_add(1)));
        self.write(&name, format!("{life}\n").as_bytes())?;
        Ok(life)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_higher_than_the_last_one_whatever_the_clock_says() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(dir.path(), "a").unwrap();
        assert_eq!(folder.begin_life(1_000).unwrap(), 1_000);
        assert_eq!(folder.begin_life(900).unwrap(), 1_001);
        assert_eq!(folder.begin_life(5_000).unwrap(), 5_000);
        let other = StateFolder::open(dir.path(), "b").unwrap();
        assert_eq!(other.begin_life(7).unwrap(), 7);
    }
}
