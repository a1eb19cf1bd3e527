use std::{sync::mpsc, thread, time::Duration};

use tokio::sync::mpsc as tokio_mpsc;
use vipcast_election::register::Persist;

use super::Ledger;

/// When a write that failed is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// A disk may be slow, or dead: it is written to on a thread of its own, in order.
pub(super) struct Writer {
    jobs: mpsc::Sender<Persist>,
    pub(super) told: tokio_mpsc::UnboundedReceiver<Written>,
}

/// What became of a write.
pub(super) enum Written {
    /// All up to this ticket is kept.
    Kept(u64),
    /// It is tried again.
    Failed(String),
}

impl Writer {
    /// The thread ends when this is dropped, after the write that it is at.
    pub(super) fn start(mut ledger: impl Ledger) -> Self {
        let (jobs, taken) = mpsc::channel::<Persist>();
        // As many as there are tickets, and the machine makes no more of them than it hears.
        let (tell, told) = tokio_mpsc::unbounded_channel();
        let work = move || {
            for Persist { ticket, replace, bytes } in taken {
                let write = |ledger: &mut dyn Ledger| match replace {
                    true => ledger.replace(&bytes),
                    false => ledger.append(&bytes),
                };
                while let Err(error) = write(&mut ledger) {
                    if tell.send(Written::Failed(error.to_string())).is_err() {
                        return;
                    }
                    thread::sleep(TRY_AGAIN);
                }
                if tell.send(Written::Kept(ticket)).is_err() {
                    return;
                }
            }
        };
        let spawned = thread::Builder::new().name("ledger".into()).spawn(work);
        // Without a thread nothing is ever kept, so that nothing is ever agreed to here.
        drop(spawned);
        Self { jobs, told }
    }

    pub(super) fn write(&self, persist: Persist) {
        // The thread ends only with this.
        let _ = self.jobs.send(persist);
    }
}
