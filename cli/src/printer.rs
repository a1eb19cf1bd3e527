//! Printing that nothing waits for: whoever reads the output may be slow, or have stopped.

use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel},
    thread,
    time::Duration,
};

use crate::{line::Line, options::Output};

/// Prints lines on a thread of its own. What finds the queue full is lost, and counted.
#[derive(Debug)]
pub(crate) struct Printer {
    output: Output,
    lines: SyncSender<String>,
    ended: Receiver<()>,
    lost: u64,
}

/// Lines that may wait to be printed.
const QUEUE: usize = 4096;

/// How long the end waits for what is still to be printed.
const PATIENCE: Duration = Duration::from_secs(1);

impl Printer {
    /// Starts the thread.
    pub(crate) fn start(output: Output) -> io::Result<Self> {
        let (lines, queue) = sync_channel::<String>(QUEUE);
        let (end, ended) = channel();
        thread::Builder::new().name("print".into()).spawn(move || {
            for line in queue {
                anstream::println!("{line}");
            }
            // Nobody waits after the end of patience.
            let _ = end.send(());
        })?;
        Ok(Self { output, lines, ended, lost: 0 })
    }

    /// Lets a line be printed, after word of those that were lost before.
    pub(crate) fn print(&mut self, line: Line) {
        if self.lost > 0 {
            let text = format!("{} lines before this one were lost: nobody read them", self.lost);
            let word = Line::new("linesLost", text).with("count", self.lost).render(self.output);
            if self.lines.try_send(word).is_ok() {
                self.lost = 0;
            }
        }
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.lines.try_send(line.render(self.output))
        {
            self.lost += 1;
        }
    }

    /// Waits until all is printed, but not for ever.
    pub(crate) fn finish(self) {
        drop(self.lines);
        let (Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected)) =
            self.ended.recv_timeout(PATIENCE);
    }
}
