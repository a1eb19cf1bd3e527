//! What the person at the terminal sees: a spinner there, plain lines elsewhere.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Without a terminal a long piece of work says this often that it lives.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// One piece of work under way.
pub(crate) struct Progress {
    title: String,
    started: Instant,
    spoke: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins to show `title`.
    pub(crate) fn start(title: &str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {prefix}  {elapsed}  {wide_msg}");
            let bar = ProgressBar::new_spinner().with_prefix(title.to_owned());
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        if bar.is_none() {
            eprintln!("{title} ...");
        }
        let now = Instant::now();
        Self { title: title.to_owned(), started: now, spoke: now, bar }
    }

    /// Shows the last thing that the work said.
    pub(crate) fn tick(&mut self, last_line: &str) {
        let line = plain(last_line);
        if let Some(bar) = &self.bar {
            bar.set_message(line);
        } else if self.spoke.elapsed() >= HEARTBEAT {
            eprintln!("{} ... {}: {line}", self.title, duration(self.started.elapsed()));
            self.spoke = Instant::now();
        }
    }

    /// A line that stays, above the spinner.
    pub(crate) fn note(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A duration for people: `0.4 s`, `1 min 05 s`.
pub(crate) fn duration(time: Duration) -> String {
    if time < Duration::from_secs(60) {
        return format!("{:.1} s", time.as_secs_f64());
    }
    let seconds = time.as_secs();
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}

/// Without control characters, so that a coloured line of a child cannot disturb the spinner.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.trim().chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // A colour: `ESC [ ... letter`.
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else if !character.is_control() {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_for_people() {
        assert_eq!(duration(Duration::from_millis(440)), "0.4 s");
        assert_eq!(duration(Duration::from_secs(65)), "1 min 05 s");
        assert_eq!(duration(Duration::from_secs(3600)), "60 min 00 s");
    }

    #[test]
    fn colours_of_a_child_are_taken_off() {
        assert_eq!(
            plain("\u{1b}[1m\u{1b}[32m   Compiling\u{1b}[0m serde\r\n"),
            "   Compiling serde"
        );
    }
}
