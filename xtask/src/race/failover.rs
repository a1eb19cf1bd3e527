//! `cargo xtask race failover`: builds what takes part and hands over to the lab.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::console::Progress;
use crate::install::{GoProgram, RACE_PACKAGES, ensure_debian_packages};
use crate::programs;
use crate::workspace::Workspace;

/// How long clients miss an address when its owner fails: vipcast, keepalived, memberlist.
///
/// A client probes each ms, a newcomer asks by ARP each 10 ms, and who owned the address is read from the frames on the
/// bridge. Each run is a line of a file: what is there is not run again, so that a race can be stopped and continued. All
/// cells together take an hour and a half in one lane. A run that the machine held up does not count and is made again.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Cells, as `vipcast/cut`: contender and fault; `*` or the beginning of a name stands for all of them
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    cells: Vec<String>,

    /// Runs of each cell [default: 20 for cuts, 5 for the rest]
    #[arg(long, value_name = "N")]
    runs: Option<usize>,

    /// So many networks at once: a cell mostly waits
    #[arg(long, value_name = "N", default_value_t = 1)]
    lanes: usize,

    /// The file of runs [default: race/failover.jsonl in cargo's target folder]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Instead: how long until the last of so many addresses is announced, when their one owner dies
    #[arg(long, value_name = "N", value_delimiter = ',')]
    addresses: Vec<u16>,

    /// How to show the figures
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,

    /// Show the figures of the file, and run nothing
    #[arg(long)]
    report: bool,

    /// Name the cells, and run nothing
    #[arg(long)]
    list: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask race failover --cells vipcast,keepalived-100ms/cut --lanes 3
  cargo xtask race failover --report -o markdown
  cargo xtask race failover --addresses 1,100,1000";

#[derive(Clone, Copy, Default, ValueEnum)]
enum Output {
    /// Columns, for a terminal
    #[default]
    Table,
    /// Tables, for the docs
    Markdown,
    /// One object a cell
    Json,
}

/// The owner of addresses around HashiCorp's memberlist.
const MEMBERLIST: GoProgram =
    GoProgram { name: "memberlist-owner", module: "lab/rivals/memberlist" };

/// The command `race failover`. Its exit code is the lab's.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let mut progress = Progress::start("building what takes part");
    let programs = programs::build(
        &mut progress,
        &workspace,
        &["--release", "-p", "vipcast", "-p", "vipcast-lab", "--bins"],
    )?;
    let lab = programs.bin("lab")?;
    let mut command = Command::new(lab);
    command.args(["race", "failover"]).arg("--vipcast").arg(programs.bin("vipcast")?);
    if !args.report && !args.list {
        let root = fs::metadata("/proc/self")?.uid() == 0;
        ensure_debian_packages(&mut progress, root, RACE_PACKAGES)?;
        if args.wants_memberlist() {
            command.arg("--memberlist").arg(MEMBERLIST.ensure(&mut progress, &workspace)?);
        }
    }
    if let Some(&most) = args.addresses.iter().max().filter(|_| !args.list && !args.report) {
        check_neighbours(most)?;
    }
    drop(progress);
    args.pass_on(&mut command, &workspace)?;
    let status = command.status().with_context(|| format!("cannot start {}", lab.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The kernel has one table of neighbours for all namespaces. Where it is full, nothing can be sent any more, and
/// the client and the router of the lab fill it.
fn check_neighbours(addresses: u16) -> Result<()> {
    const SETTING: &str = "net.ipv4.neigh.default.gc_thresh3";
    let text = fs::read_to_string("/proc/sys/net/ipv4/neigh/default/gc_thresh3")
        .with_context(|| format!("cannot read {SETTING}"))?;
    let room: u32 = text.trim().parse().with_context(|| format!("{SETTING} is no number"))?;
    let needed = u32::from(addresses) * 2 + 256;
    if room < needed {
        bail!(
            "{addresses} addresses need room for {needed} neighbours: sudo sysctl -w {SETTING}={needed}"
        );
    }
    Ok(())
}

impl Args {
    /// Whether its cells are among those asked for; only then Go is needed.
    fn wants_memberlist(&self) -> bool {
        let named = |cell: &String| cell.starts_with('*') || cell.starts_with("memberlist");
        self.addresses.is_empty() && (self.cells.is_empty() || self.cells.iter().any(named))
    }

    fn pass_on(&self, command: &mut Command, workspace: &Workspace) -> Result<()> {
        let folder = workspace.target.join("race");
        let file = self.file.clone().unwrap_or_else(|| folder.join("failover.jsonl"));
        if self.file.is_none() {
            fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        command.arg("--file").arg(file).arg("--lanes").arg(self.lanes.to_string());
        let form = match self.output {
            Output::Table => "table",
            Output::Markdown => "markdown",
            Output::Json => "json",
        };
        command.args(["-o", form]);
        if !self.cells.is_empty() {
            command.arg("--cells").arg(self.cells.join(","));
        }
        if !self.addresses.is_empty() {
            let counts: Vec<String> = self.addresses.iter().map(u16::to_string).collect();
            command.arg("--addresses").arg(counts.join(","));
        }
        if let Some(runs) = self.runs {
            command.arg("--runs").arg(runs.to_string());
        }
        for (flag, given) in [("--report", self.report), ("--list", self.list)] {
            if given {
                command.arg(flag);
            }
        }
        Ok(())
    }
}
