//! `vipcast who-has`: asks the process on this machine who holds an address.

mod answer;
mod args;
mod protocol;
mod server;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::IpAddr,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use vipcast_k8s_adapter::default_state_dir;

pub(crate) use args::WhoHasArgs;
pub(crate) use server::Server;

use self::protocol::{Answer, LONGEST_ANSWER, Request, VERSION};
use crate::options::{Output, node_name};

/// How long the process may take for its answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(args: &WhoHasArgs) -> Result<ExitCode> {
    let path = match &args.socket {
        Some(path) => path.clone(),
        None => {
            let state = args.state.clone().or_else(default_state_dir);
            let state = state.context("no home to look for the socket in: name it by --socket")?;
            default_path(&state, &node_name(args.node.as_deref())?)
        }
    };
    let answer = ask(&path, args.address)?;
    match args.output {
        Output::Json => anstream::println!("{}", serde_json::to_string(&answer)?),
        Output::Text => answer.lines(args.address).iter().for_each(|l| anstream::println!("{l}")),
    }
    Ok(if answer.held.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Where a node's socket is, unless somebody says otherwise.
pub(crate) fn default_path(state: &Path, node: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    state.join(format!("{}.sock", node.chars().map(plain).collect::<String>()))
}

fn ask(path: &Path, address: IpAddr) -> Result<Answer> {
    let mut stream = UnixStream::connect(path).with_context(|| {
        format!(
            "no vipcast runs here that listens on {}: start one, or name its socket by --socket (or \
             its folder by --state and its name by --node)",
            path.display()
        )
    })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = Request { version: VERSION, who_has: address };
    stream.write_all(format!("{}\n", serde_json::to_string(&request)?).as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST_ANSWER)).read_line(&mut line).context("no answer came")?;
    let answer: Answer = serde_json::from_str(&line)
        .context("the answer cannot be read: this program and the running one differ in version")?;
    if let Some(error) = answer.error {
        bail!("{error}");
    }
    Ok(answer)
}
