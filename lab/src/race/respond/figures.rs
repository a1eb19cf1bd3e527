use std::fmt::Write;

use super::contender::Contender;
use crate::race::table::Spread;

/// What one round of one contender showed; none where it does not apply, or where the capture of the
/// answers lost some.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Figures {
    /// Answers in a second, from a backlog.
    pub(super) rate: Option<f64>,
    pub(super) p50_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
    /// Questions and answers in a second, in the flood.
    pub(super) asked: f64,
    pub(super) answered: f64,
    pub(super) us_per_reply: Option<f64>,
    /// Questions in a second for other addresses, and what they cost.
    pub(super) foreign: f64,
    pub(super) foreign_cores: Option<f64>,
}

/// Least, middle and greatest of each figure.
pub(super) fn table(addresses: u32, all: &[(Contender, Vec<Figures>)]) -> String {
    let rounds = all.iter().map(|(_, figures)| figures.len()).max().unwrap_or(0);
    let mut text = format!(
        "\n{addresses} addresses, {rounds} rounds: least / middle / greatest\n\n\
         | | answers/s from a backlog | CPU a reply, us | p50, us | p99, us | asked, answered/s \
         | foreign/s | cores for those |\n|---|---|---|---|---|---|---|---|\n"
    );
    for (contender, figures) in all.iter().filter(|(_, figures)| !figures.is_empty()) {
        let spread = |figure: fn(&Figures) -> Option<f64>| {
            Spread::of(figures.iter().filter_map(figure))
                .map_or_else(|| "–".to_owned(), |s| s.precise())
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {}, {} | {} | {} |",
            contender.name(),
            spread(|f| f.rate),
            spread(|f| f.us_per_reply),
            spread(|f| f.p50_us),
            spread(|f| f.p99_us),
            spread(|f| Some(f.asked)),
            spread(|f| Some(f.answered)),
            spread(|f| (f.foreign > 0.0).then_some(f.foreign)),
            spread(|f| f.foreign_cores),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_nobody_has_is_a_dash() {
        let figures = Figures { p50_us: Some(24.5), ..Figures::default() };
        let text = table(1, &[(Contender::Kernel, vec![figures; 3]), (Contender::Go, vec![])]);
        assert!(text.contains("| the kernel | – | – | 24.500 / 24.500 / 24.500 |"), "{text}");
        assert!(!text.contains("Go"), "{text}");
    }
}
