//! The figures, side by side.

use std::fmt::Write;

use super::{contender::Sender, receiver::Receiver, record::Run};
use crate::race::table::Spread;

/// A table for each receiver: least, middle and greatest time, and how often the raw sender's.
pub(super) fn show(runs: &[Run]) -> String {
    let mut text = String::new();
    for receiver in [Receiver::Raw, Receiver::Bird] {
        let _ = writeln!(
            text,
            "\nto {receiver}: ms until the last prefix (least / middle / greatest)\n\n\
             | sender | last | x raw | first | 99 % | UPDATEs | CPU s | RSS MiB | runs |\n\
             |---|---|---|---|---|---|---|---|---|"
        );
        let of = |sender| {
            let ours = move |run: &&Run| run.sender == sender && run.receiver == receiver;
            runs.iter().filter(ours).filter(|run| run.void.is_none())
        };
        let middle = |sender| Spread::of(of(sender).map(|run| run.last)).map(|s| s.median());
        let raw = middle(Sender::Raw);
        for sender in Sender::ALL {
            let spread = |of: &dyn Fn(&Run) -> Option<f64>, runs: Vec<&Run>| {
                let spread = Spread::of(runs.into_iter().filter_map(of));
                spread.map_or_else(|| "–".to_owned(), |spread| spread.show())
            };
            let all = || of(sender).collect::<Vec<_>>();
            let times = match (raw, middle(sender)) {
                (Some(raw), Some(own)) => format!("{:.2}", own / raw),
                _ => "–".to_owned(),
            };
            let seen = |value: f64| (receiver == Receiver::Raw).then_some(value);
            let _ = writeln!(
                text,
                "| {sender} | {} | {times} | {} | {} | {} | {} | {} | {} |",
                spread(&|run| Some(run.last), all()),
                spread(&|run| seen(run.first), all()),
                spread(&|run| seen(run.p99), all()),
                spread(&|run| seen(f64::from(run.updates)), all()),
                spread(&|run| run.cpu, all()),
                spread(&|run| run.rss, all()),
                all().len(),
            );
        }
    }
    text
}
