use std::{process, thread};

/// Ends the process when the thread that holds it unwinds.
///
/// A node whose layer 2 thread is dead must not go on sending heartbeats from another one. Release
/// builds of vipcast abort on panic anyway; this is for embedders whose profile unwinds. Hold it for
/// as long as the thread runs:
///
/// ```
/// use vipcast_announcer::os::AbortOnUnwind;
///
/// std::thread::spawn(|| {
///     let _guard = AbortOnUnwind::new();
///     // the event loop
/// });
/// ```
#[derive(Debug)]
#[must_use = "it guards only while it is held"]
pub struct AbortOnUnwind(());

impl AbortOnUnwind {
    /// Starts to guard the calling thread.
    pub const fn new() -> Self {
        Self(())
    }
}

impl Default for AbortOnUnwind {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        if thread::panicking() {
            process::abort();
        }
    }
}
