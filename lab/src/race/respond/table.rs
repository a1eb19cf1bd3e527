use std::fmt::Write;

use super::{
    book::Book,
    contender::Contender,
    figures::{Figures, Flood},
};
use crate::race::table::Spread;

/// A figure of a round, given those of the one without a contender.
type Of = fn(&Figures, Option<&Figures>) -> Option<f64>;

const COLUMNS: [(&str, Of); 10] = [
    ("answers/s from a backlog", |f, _| f.rate),
    ("p50, us", |f, _| f.p50_us),
    ("p99, us", |f, _| f.p99_us),
    ("answered of a flood, %", |f, _| Some(f.own.answered / f.own.asked * 100.0)),
    ("own CPU a reply, us", |f, _| {
        (f.own.process > 0.0).then(|| f.own.process * 1e6 / f.own.answered)
    }),
    ("with the asker's part, us", |f, nobody| {
        f.own.beyond(&nobody?.own, Flood::both).map(|time| time * 1e6 / f.own.answered)
    }),
    ("machine's CPU a reply, us", |f, nobody| {
        f.own.beyond(&nobody?.own, |f| f.machine).map(|time| time * 1e6 / f.own.answered)
    }),
    ("foreign: asked/s", |f, _| {
        (f.foreign.asked > 0.0).then(|| f.foreign.asked / f.foreign.seconds)
    }),
    ("foreign: own cores", |f, _| {
        (f.own.process > 0.0).then(|| f.foreign.process / f.foreign.seconds)
    }),
    ("foreign: machine's cores", |f, nobody| {
        f.foreign.beyond(&nobody?.foreign, |f| f.machine).map(|time| time / f.foreign.seconds)
    }),
];

/// Least, middle and greatest of each figure, and the middle as a part of that of the plain loop.
pub(super) fn table(addresses: u32, book: &Book) -> String {
    let mut text = format!(
        "\n{addresses} addresses; least / middle / greatest; {} rounds did not count\n\n| | rounds |",
        book.void(addresses)
    );
    for (title, _) in COLUMNS {
        text += &format!(" {title} |");
    }
    text += "\n|---|---|";
    text += &"---|".repeat(COLUMNS.len());
    text.push('\n');
    for contender in Contender::ALL {
        let rounds = book.counted(contender, addresses).count();
        if contender == Contender::Nobody || rounds == 0 {
            continue;
        }
        let spreads = COLUMNS.map(|(_, of)| spread(book, contender, addresses, of));
        let _ = write!(text, "| {} | {rounds} |", contender.name());
        for spread in &spreads {
            let _ = write!(text, " {} |", shown(spread.as_ref().map(Spread::precise)));
        }
        text.push('\n');
        if contender == Contender::Vipcast {
            let _ = write!(text, "| – as a part of the plain loop's | |");
            for (spread, (_, of)) in spreads.iter().zip(COLUMNS) {
                let plain = self::spread(book, Contender::Plain, addresses, of);
                let part = spread.as_ref().zip(plain.filter(|plain| plain.median() > 0.0));
                let part = part.map(|(ours, plain)| ours.median() / plain.median());
                let _ = write!(text, " {} |", shown(part.map(|part| format!("{part:.3}"))));
            }
            text.push('\n');
        }
    }
    text
}

fn shown(figure: Option<String>) -> String {
    figure.unwrap_or_else(|| "–".to_owned())
}

fn spread(book: &Book, contender: Contender, addresses: u32, of: Of) -> Option<Spread> {
    let values = book.counted(contender, addresses).filter_map(|record| {
        let nobody = book.counted(Contender::Nobody, addresses);
        let nobody = nobody.filter(|nobody| nobody.round == record.round).last();
        of(&record.figures, nobody.map(|record| &record.figures))
    });
    Spread::of(values)
}

#[cfg(test)]
mod tests {
    use super::{super::book::Record, *};

    fn flood(asked: f64, answered: f64, process: f64, machine: f64) -> Flood {
        Flood { seconds: 2.0, asked, answered, process, machine, asker: machine - process }
    }

    fn book(all: &[(Contender, Figures)]) -> Book {
        let mut book = Book::default();
        for &(contender, figures) in all {
            let record = Record { contender, addresses: 1, round: 0, void: None, figures };
            book.add(record).unwrap();
        }
        book
    }

    #[test]
    fn the_same_flood_with_nobody_is_taken_off() {
        let nobody = Figures { own: flood(1e5, 0.0, 0.0, 1.0), ..Figures::default() };
        let ours =
            Figures { p50_us: Some(24.5), own: flood(2e5, 1e5, 0.25, 2.5), ..Figures::default() };
        let plain = Figures { p50_us: Some(49.0), ..ours };
        let all =
            [(Contender::Nobody, nobody), (Contender::Vipcast, ours), (Contender::Plain, plain)];
        let text = table(1, &book(&all));
        let line = text.lines().find(|line| line.starts_with("| vipcast")).unwrap();
        assert!(line.contains("| 24.500 / 24.500 / 24.500 | – | 50.000 /"), "{line}");
        assert!(
            line.contains(
                "| 2.500 / 2.500 / 2.500 | 5.000 / 5.000 / 5.000 | 5.000 / 5.000 / 5.000 |"
            ),
            "{line}"
        );
        let line = text.lines().find(|line| line.starts_with("| –")).unwrap();
        assert!(line.starts_with("| – as a part of the plain loop's | | – | 0.500 | – | 1.000 |"));
    }

    #[test]
    fn who_did_not_run_is_not_shown_and_what_does_not_apply_is_a_dash() {
        let kernel = Figures { own: flood(1e5, 1e5, 0.0, 1.0), ..Figures::default() };
        let text = table(1, &book(&[(Contender::Kernel, kernel)]));
        let line = text.lines().find(|line| line.starts_with("| the kernel")).unwrap();
        assert_eq!(
            line,
            "| the kernel | 1 | – | – | – | 100 / 100 / 100 | – | – | – | – | – | – |"
        );
        assert!(!text.contains("Go"), "{text}");
    }

    #[test]
    fn a_round_that_is_void_does_not_count() {
        let mut book = book(&[]);
        let figures = Figures { rate: Some(5.0), ..Figures::default() };
        let void = Some("the capture lost frames".to_owned());
        let contender = Contender::Plain;
        book.add(Record { contender, addresses: 1, round: 0, void, figures }).unwrap();
        let text = table(1, &book);
        assert!(!text.contains("recv") && text.contains("1 rounds did not count"), "{text}");
    }
}
