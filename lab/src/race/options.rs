//! The command line of `lab race failover`.

use std::path::PathBuf;

use super::{Cell, Programs};

/// What to type.
pub const USAGE: &str = "\
usage: lab race failover --file FILE [--vipcast PROGRAM] [--memberlist PROGRAM] [--cells PATTERN,...]
                         [--runs N] [--lanes N] [-o table|markdown|json] [--report] [--list]
       lab race failover --addresses N,... [--vipcast PROGRAM] [--runs N] [-o table|markdown|json]";

/// How the figures are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// For a terminal.
    #[default]
    Table,
    /// For the docs.
    Markdown,
    /// For programs.
    Json,
}

/// What to measure, where to write it, how to show it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options {
    /// Where the programs are.
    pub programs: Programs,
    /// The file of runs.
    pub file: PathBuf,
    /// Which cells; none is all.
    pub cells: Vec<String>,
    /// How many runs of each; what is usual for its fault, if none.
    pub runs: Option<usize>,
    /// How many networks at once.
    pub lanes: usize,
    /// How the figures are shown.
    pub form: Form,
    /// Show what is in the file, and run nothing.
    pub report: bool,
    /// Name the cells, and run nothing.
    pub list: bool,
    /// Measure so many addresses on one dead node, instead of the cells.
    pub addresses: Vec<u16>,
}

impl Options {
    /// Reads a command line; what is wrong with it, if it is none.
    pub fn parse(args: &[&str]) -> Result<Self, String> {
        let mut options = Self { lanes: 1, ..Self::default() };
        let mut args = args.iter();
        while let Some(&flag) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{flag} needs a value"));
            match flag {
                "--vipcast" => options.programs.vipcast = Some(value()?.into()),
                "--memberlist" => options.programs.memberlist = Some(value()?.into()),
                "--file" => options.file = value()?.into(),
                "--cells" => options.cells = value()?.split(',').map(str::to_owned).collect(),
                "--runs" => options.runs = Some(number(flag, value()?)?),
                "--lanes" => options.lanes = number(flag, value()?)?.max(1),
                "--addresses" => {
                    let counts = value()?.split(',').map(|count| match number(flag, count)? {
                        count @ 1..=2_000 => Ok(count as u16),
                        _ => Err(format!("{flag}: 1 to 2,000 addresses can be measured")),
                    });
                    options.addresses = counts.collect::<Result<_, _>>()?;
                }
                "--report" => options.report = true,
                "--list" => options.list = true,
                "-o" => {
                    options.form = match *value()? {
                        "table" => Form::Table,
                        "markdown" => Form::Markdown,
                        "json" => Form::Json,
                        other => return Err(format!("-o {other}: use table, markdown or json")),
                    };
                }
                other => return Err(format!("what is {other}?")),
            }
        }
        if options.file.as_os_str().is_empty() && options.addresses.is_empty() && !options.list {
            return Err("--file is needed".to_owned());
        }
        options.chosen()?;
        Ok(options)
    }

    /// The cells that were asked for.
    pub(super) fn chosen(&self) -> Result<Vec<Cell>, String> {
        for pattern in &self.cells {
            if !Cell::all().any(|cell| cell.is_named(pattern)) {
                return Err(format!("{pattern} names no cell: see --list"));
            }
        }
        let asked = |cell: &Cell| self.cells.iter().any(|pattern| cell.is_named(pattern));
        Ok(Cell::all().filter(|cell| self.cells.is_empty() || asked(cell)).collect())
    }
}

fn number(flag: &str, text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("{flag}: {text} is no number"))
}
