//! The figures of many runs, side by side.

use std::fmt::Write;

use serde::Serialize;

use super::{Cell, Fault, Figures, Form, Record};

#[cfg(test)]
mod tests;

/// Least, middle and greatest of some values; the middle of an even number is the mean of two.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

impl Spread {
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let half = values.len() / 2;
        let (min, max) = (*values.first()?, *values.last()?);
        let upper = *values.get(half)?;
        let lower = if values.len().is_multiple_of(2) { *values.get(half - 1)? } else { upper };
        Some(Self { min, median: f64::midpoint(lower, upper), max })
    }

    /// The middle.
    pub(super) fn median(&self) -> f64 {
        self.median
    }

    /// `1.000 / 2.500 / 30`: for what is close together.
    pub(super) fn precise(&self) -> String {
        let precise =
            |value: f64| if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") };
        [self.min, self.median, self.max].map(precise).join(" / ")
    }

    /// `1.0 / 2.5 / 30`: three digits are enough.
    pub(super) fn show(&self) -> String {
        [self.min, self.median, self.max].map(short).join(" / ")
    }
}

fn short(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

/// All that a table says of one cell.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Summary {
    contender: String,
    #[serde(skip)]
    fault: Fault,
    #[serde(rename = "fault")]
    fault_name: &'static str,
    runs: usize,
    /// Runs that do not count.
    void: usize,
    outage_ms: Spread,
    /// Runs in which the client was not served again as long as it was watched.
    unrecovered: usize,
    lost: Spread,
    newcomer_ms: Spread,
    newcomer_unrecovered: usize,
    moved: usize,
    moved_ms: Option<Spread>,
    two_owners_ms: Spread,
    /// Runs in which there were still two owners at the end.
    two_owners_at_end: usize,
    stale_frames: Option<Spread>,
    stall_ms: Spread,
    load: Spread,
}

impl Summary {
    /// One for each of the cells that have runs.
    pub(super) fn of(cells: &[Cell], records: &[Record]) -> Vec<Self> {
        cells.iter().filter_map(|cell| Self::of_cell(*cell, records)).collect()
    }

    fn of_cell(cell: Cell, records: &[Record]) -> Option<Self> {
        let name = cell.to_string();
        let of_cell = || records.iter().filter(|record| record.cell == name);
        let counted = || of_cell().filter(|record| record.void.is_none());
        let figures: Vec<&Figures> =
            counted().filter_map(|record| record.figures.as_ref()).collect();
        let spread = |value: fn(&Figures) -> f64| Spread::of(figures.iter().map(|f| value(f)));
        let count = |is: fn(&Figures) -> bool| figures.iter().filter(|f| is(f)).count();
        Some(Self {
            contender: cell.contender.name(),
            fault: cell.fault,
            fault_name: cell.fault.name(),
            runs: figures.len(),
            void: of_cell().count() - counted().count(),
            outage_ms: spread(|f| f.outage)?,
            unrecovered: count(|f| !f.recovered),
            lost: spread(|f| f.lost as f64)?,
            newcomer_ms: spread(|f| f.newcomer)?,
            newcomer_unrecovered: count(|f| !f.newcomer_recovered),
            moved: count(|f| f.moved.is_some()),
            moved_ms: Spread::of(figures.iter().filter_map(|f| f.moved)),
            two_owners_ms: spread(|f| f.two_owners)?,
            two_owners_at_end: count(|f| f.two_owners_at_end),
            stale_frames: Spread::of(figures.iter().filter_map(|f| Some(f.stale? as f64))),
            stall_ms: spread(|f| f.stall)?,
            load: Spread::of(counted().map(|record| record.load))?,
        })
    }

    fn row(&self) -> Vec<String> {
        let open = |shown: String, count: usize, what: &str| {
            if count == 0 { shown } else { format!("{shown}; {what} in {count}") }
        };
        let moved = match (self.fault, &self.moved_ms) {
            (Fault::Heal, _) => "–".to_owned(),
            (_, None) => "never".to_owned(),
            (_, Some(spread)) if self.moved == self.runs => spread.show(),
            (_, Some(spread)) => format!("{} in {}", spread.show(), self.moved),
        };
        vec![
            self.contender.clone(),
            self.runs.to_string(),
            open(self.outage_ms.show(), self.unrecovered, "not over"),
            self.lost.show(),
            open(self.newcomer_ms.show(), self.newcomer_unrecovered, "not over"),
            moved,
            open(self.two_owners_ms.show(), self.two_owners_at_end, "not over"),
            self.stale_frames.as_ref().map_or_else(|| "–".to_owned(), Spread::show),
        ]
    }
}

const HEADINGS: [&str; 8] = [
    "contender",
    "runs",
    "outage ms",
    "lost probes",
    "newcomer ms",
    "moved after ms",
    "two owners ms",
    "stale frames",
];

/// All of it, a table for each fault.
pub(super) fn show(summaries: &[Summary], form: Form) -> String {
    if form == Form::Json {
        // Numbers and names: nothing of it can fail.
        return serde_json::to_string_pretty(summaries).unwrap_or_default() + "\n";
    }
    let mut text = String::new();
    for fault in Fault::ALL {
        let rows: Vec<_> =
            summaries.iter().filter(|s| s.fault == fault).map(Summary::row).collect();
        if rows.is_empty() {
            continue;
        }
        let title = fault.title();
        // Writing to a string cannot fail.
        let _ = match form {
            Form::Markdown => writeln!(text, "**{title}**\n"),
            _ => writeln!(text, "{title} (min / median / max)"),
        };
        text += &grid(&HEADINGS, &rows, form == Form::Markdown);
        text.push('\n');
    }
    text
}

/// Columns, aligned; with bars for Markdown.
pub(super) fn grid(headings: &[&str], rows: &[Vec<String>], markdown: bool) -> String {
    let headings: Vec<String> = headings.iter().map(|&heading| heading.to_owned()).collect();
    let lines = || std::iter::once(&headings).chain(rows);
    let width = |column: usize| {
        lines().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..headings.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for (number, line) in lines().enumerate() {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        let cells: Vec<String> = cells.collect();
        let line = if markdown {
            format!("| {} |", cells.join(" | "))
        } else {
            cells.join("  ").trim_end().to_owned()
        };
        text += &line;
        text.push('\n');
        if markdown && number == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
            text += &format!("|{}|\n", rules.join("|"));
        }
    }
    text
}
