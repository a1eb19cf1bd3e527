//! All runs of all cells, some at a time.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use super::{
    Cell, Options, Record, many, priority,
    record::Book,
    run,
    table::{self, Summary},
    world::World,
};
use crate::{Result, error::LabError, lock::lock};

/// How often a run that does not count is made again.
const ATTEMPTS: usize = 3;

/// Runs what is missing of the cells that were asked for, and shows the figures of all that is there.
/// Call [`enter`](crate::enter()) first.
///
/// # Errors
/// Cells of which some runs could not be made; a file that cannot be written.
pub fn failover(options: &Options) -> Result<()> {
    let cells = options.chosen().map_err(|what| LabError::Topology { what })?;
    if options.list {
        return show(&cells.iter().map(|cell| format!("{cell}\n")).collect::<String>());
    }
    if !priority::raise() {
        eprintln!(
            "not root: the lab runs at an ordinary priority, and other work shows in the figures"
        );
    }
    if !options.addresses.is_empty() {
        return show(&many::measure(options)?);
    }
    let book = Book::open(&options.file)?;
    let mut failed = Vec::new();
    if !options.report {
        failed = race(&cells, options, &book)?;
    }
    let names: Vec<String> = cells.iter().map(Cell::to_string).collect();
    let mut records = book.records();
    records.retain(|record| names.contains(&record.cell));
    show(&table::show(&Summary::of(&cells, &records), options.form))?;
    if failed.is_empty() {
        return Ok(());
    }
    Err(LabError::Topology {
        what: format!("these runs could not be made:\n{}", failed.join("\n")),
    })
}

/// One run that is to be made.
struct Task {
    cell: Cell,
    number: usize,
    attempts: usize,
}

/// Makes the runs that the book lacks; returns those that could not be made.
fn race(cells: &[Cell], options: &Options, book: &Book) -> Result<Vec<String>> {
    let missing = |&cell: &Cell| {
        let runs = options.runs.unwrap_or_else(|| cell.fault.runs());
        (book.counted(&cell.to_string())..runs).map(move |number| (cell, number))
    };
    let tasks = cells.iter().flat_map(missing);
    let tasks: VecDeque<_> =
        tasks.map(|(cell, number)| Task { cell, number, attempts: ATTEMPTS }).collect();
    let progress = Progress { start: Instant::now(), all: tasks.len(), done: Mutex::default() };
    let (tasks, failed) = (Mutex::new(tasks), Mutex::default());
    let lanes = options.lanes.min(progress.all);
    thread::scope(|scope| {
        let lane = || lane(&tasks, options, book, &progress, &failed);
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().try_for_each(|lane| {
            let panicked = |_| LabError::Topology { what: "a lane panicked".to_owned() };
            lane.join().map_err(panicked)?
        })
    })?;
    Ok(failed.into_inner().unwrap_or_default())
}

/// Takes one task after the other, until there is none.
fn lane(
    tasks: &Mutex<VecDeque<Task>>,
    options: &Options,
    book: &Book,
    progress: &Progress,
    failed: &Mutex<Vec<String>>,
) -> Result<()> {
    let mut world = None;
    loop {
        let Some(mut task) = lock(tasks).pop_front() else { return Ok(()) };
        let place = match world.take() {
            Some(place) => place,
            None => World::new()?,
        };
        let place = world.insert(place);
        let record = match run::run(place, &options.programs, task.cell, task.number) {
            Ok(record) => record,
            Err(error) => {
                // Whatever it has left may disturb the next one.
                world = None;
                let void = Some(error.to_string());
                let cell = task.cell.to_string();
                let load = priority::load();
                Record { cell, address: String::new(), load, void, figures: None }
            }
        };
        let told = tell(&record);
        let counts = record.void.is_none();
        book.add(record)?;
        task.attempts -= 1;
        if !counts && task.attempts > 0 {
            progress.again(&told);
            lock(tasks).push_back(task);
            continue;
        }
        progress.done(&told);
        if !counts {
            lock(failed).push(told);
        }
    }
}

/// A run in a line.
fn tell(record: &Record) -> String {
    let Record { cell, void, figures, .. } = record;
    match (void, figures) {
        (Some(why), _) => format!("{cell}: does not count: {why}"),
        (None, Some(figures)) => format!(
            "{cell}: outage {:.1} ms, {} lost, newcomer {:.1} ms, two owners {:.1} ms",
            figures.outage, figures.lost, figures.newcomer, figures.two_owners
        ),
        (None, None) => format!("{cell}: nothing was measured"),
    }
}

/// Says on standard error how far it is, and how long it will take.
struct Progress {
    start: Instant,
    all: usize,
    done: Mutex<usize>,
}

impl Progress {
    fn done(&self, told: &str) {
        let mut done = lock(&self.done);
        *done += 1;
        let each = self.start.elapsed() / u32::try_from(*done).unwrap_or(u32::MAX);
        let left = each * u32::try_from(self.all - *done).unwrap_or(u32::MAX);
        eprintln!("{:4} of {}, {} left  {told}", done, self.all, minutes(left));
    }

    fn again(&self, told: &str) {
        eprintln!("once more  {told}");
    }
}

fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02} min", seconds / 60, seconds % 60)
}

fn show(text: &str) -> Result<()> {
    let written = io::stdout().lock().write_all(text.as_bytes());
    written.map_err(LabError::io("print the figures"))
}
