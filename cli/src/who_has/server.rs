//! The socket of a running node.

use std::{
    io::{self, ErrorKind},
    os::{fd::OwnedFd, unix::fs::FileTypeExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::fs::Mode;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};
use vipcast_announcer::{Node, Report, agreement::Agreed, layer2::Control};

use super::protocol::{Answer, Assigner, LONGEST_REQUEST, Request, VERSION};

/// How many are answered at a time; others wait in the kernel's queue.
const AT_A_TIME: usize = 8;
/// The kernel's queue.
const QUEUE: i32 = 16;
/// How long one may take to ask, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait where the kernel has no room for another connection.
const RETRY: Duration = Duration::from_millis(100);

/// Answers on a socket until it is dropped, which takes the socket away.
#[derive(Debug)]
pub(crate) struct Server {
    path: PathBuf,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Source {
    node: String,
    reports: watch::Receiver<Arc<Report>>,
    control: Control,
    /// Who assigns, where nodes agree on it.
    agreed: Option<watch::Receiver<Arc<Agreed>>>,
}

impl Server {
    /// Only this user may ask. A socket that a killed run left is replaced, a living one is not.
    pub(crate) fn start(
        path: &Path,
        name: &str,
        node: &Node,
        agreed: Option<watch::Receiver<Arc<Agreed>>>,
    ) -> io::Result<Self> {
        let listener = listen(path)?;
        let (node, reports, control) = (name.to_owned(), node.reports(), node.control());
        let source = Source { node, reports, control, agreed };
        let task = tokio::spawn(serve(listener, Arc::new(source)));
        Ok(Self { path: path.to_owned(), task })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        // What cannot be removed is replaced by the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    let address = SockAddr::unix(path)?;
    // A process that is paused has a full queue, and lives.
    let probe = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    match probe.connect(&address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => remove_socket(path)?,
        Err(error) if error.kind() != ErrorKind::WouldBlock => {}
        _ => return Err(io::Error::new(ErrorKind::AddrInUse, "another process answers there")),
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
    // Linux gives the file this mode when it makes it, so that at no moment others may ask.
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    socket.bind(&address)?;
    socket.listen(QUEUE)?;
    UnixListener::from_std(OwnedFd::from(socket).into())
}

/// Takes away what a killed run left, and never a file that is something else.
fn remove_socket(path: &Path) -> io::Result<()> {
    if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "there is a file that is no socket"));
    }
    std::fs::remove_file(path)
}

async fn serve(listener: UnixListener, source: Arc<Source>) {
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let source = Arc::clone(&source);
                tokio::spawn(async move {
                    // Whoever is too slow, or has gone, gets nothing.
                    let _ = timeout(PATIENCE, answer(stream, &source)).await;
                    drop(place);
                });
            }
            Err(_) => sleep(RETRY).await,
        }
    }
}

async fn answer(stream: UnixStream, source: &Source) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    BufReader::new(read.take(LONGEST_REQUEST)).read_until(b'\n', &mut line).await?;
    let answer = match serde_json::from_slice::<Request>(&line) {
        Ok(Request { version: VERSION, who_has }) => {
            let report = Arc::clone(&source.reports.borrow());
            let mut answer = Answer::new(&source.node, &report, &source.control, who_has);
            let agreed = source.agreed.as_ref().map(|agreed| Arc::clone(&agreed.borrow()));
            answer.assigner = agreed.map(|now| Assigner::new(&now.standing, now.votes));
            answer
        }
        Ok(Request { version, .. }) => Answer::refusal(format!(
            "version {version} was asked for, and the process that runs knows {VERSION}: use programs \
             of one version"
        )),
        Err(error) => Answer::refusal(format!("the request cannot be read: {error}")),
    };
    let mut line = serde_json::to_vec(&answer).map_err(io::Error::other)?;
    line.push(b'\n');
    write.write_all(&line).await
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[tokio::test]
    async fn only_this_user_may_ask_and_what_a_killed_run_left_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sock");
        let first = listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(listen(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(first);
        assert!(path.exists(), "a kill removes no file");
        assert!(listen(&path).is_ok());
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        fs::write(&path, "key 1").unwrap();
        assert_eq!(listen(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "key 1");
    }
}
