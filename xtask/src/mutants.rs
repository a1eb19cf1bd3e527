//! `cargo xtask mutants`: would the tests notice a mistake?

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::workspace::{Package, Workspace};

/// Break the code on purpose, and see whether the tests notice.
///
/// It runs the script `tests/mutants.sh` of each crate that has one.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  cargo xtask mutants election")]
pub(crate) struct Args {
    /// The folder of one crate [default: all that have the script].
    #[arg(value_name = "CRATE")]
    folder: Option<String>,
}

/// The command `mutants`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let wanted = |package: &&Package| {
        let named = args.folder.as_ref().is_none_or(|folder| package.dir.ends_with(folder));
        named && package.dir.join("tests/mutants.sh").is_file()
    };
    let packages: Vec<_> = workspace.packages.iter().filter(wanted).collect();
    if packages.is_empty() {
        bail!("no tests/mutants.sh in {}", args.folder.as_deref().unwrap_or("any crate"));
    }
    let mut survived = Vec::new();
    for package in packages {
        println!("{}:", package.name);
        let mut command = workspace.command("bash", &["tests/mutants.sh"]);
        if !command.current_dir(&package.dir).status()?.success() {
            survived.push(package.name.as_str());
        }
    }
    if !survived.is_empty() {
        bail!("mistakes went unnoticed in: {}", survived.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}
