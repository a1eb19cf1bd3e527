//! Follows the key file, so that keys are changed without an outage.

use std::{path::PathBuf, time::Duration};

use tokio::{sync::mpsc, task::spawn_blocking, time::sleep};
use vipcast_announcer::layer2::Control;
use vipcast_election::beacon::Keyring;

use crate::{key_file, line::Line};

/// How often the file is read.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Uses what is in the file, as soon as it is other than `keyring`. What cannot be read leaves the
/// last keys in place. Ends when nobody listens.
pub(crate) async fn follow(
    file: PathBuf,
    mut keyring: Keyring,
    control: Control,
    lines: mpsc::Sender<Line>,
) {
    let mut told: Option<String> = None;
    while !lines.is_closed() {
        sleep(LOOK_EVERY).await;
        let path = file.clone();
        // A disk may be slow, or dead.
        let Ok(read) = spawn_blocking(move || key_file::read(&path)).await else { return };
        let line = match read {
            Ok(same) if same == keyring => {
                told = None;
                continue;
            }
            Ok(new) => {
                told = None;
                control.set_keyring(new.clone());
                keyring = new;
                Line::new(
                    "keysChanged",
                    format!("{}: the keys are used from now on", file.display()),
                )
            }
            Err(error) => {
                let fault = format!("{error:#}; the last keys stay");
                if told.as_ref() == Some(&fault) {
                    continue;
                }
                told = Some(fault.clone());
                Line::new("keysFault", fault)
            }
        };
        // Nobody listens any more: the node ends.
        let _ = lines.send(line).await;
    }
}
