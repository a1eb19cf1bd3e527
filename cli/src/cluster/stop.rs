use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

/// Ends when the process is told to end: by the kubelet, by Ctrl-C.
pub(super) fn signal_to_stop() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
