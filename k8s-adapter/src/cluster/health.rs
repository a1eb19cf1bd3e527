//! Probes that mean something: `/livez` fails where the process is stuck, `/readyz` where it does not
//! know what it must.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};
use vipcast_announcer::clock::Clock;
use vipcast_sans_io::Instant;

/// A loop that has not come round for so long is stuck. Each comes round every few seconds.
const STUCK: Duration = Duration::from_secs(30);
/// Probers are few.
const CONNECTIONS: usize = 32;
const PATIENCE: Duration = Duration::from_secs(10);

/// What the probes ask for. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Health {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// When the main loop last came round; `None` before its first round.
    round: Option<Instant>,
    ready: Option<Result<String, String>>,
}

impl Health {
    /// Not started, and not ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The main loop came round. Whether all is known that must be, and in one line what is the case.
    pub(crate) fn round(&self, ready: Result<String, String>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.round = Some(Clock::now());
        state.ready = Some(ready);
    }

    pub(super) fn answer(&self, path: &str) -> (StatusCode, String) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match path {
            "/livez" | "/healthz" => match state.round {
                Some(round) if Clock::now() - round > STUCK => {
                    let silent = (Clock::now() - round).as_secs();
                    let text = format!("the main loop has been stuck for {silent} s");
                    (StatusCode::SERVICE_UNAVAILABLE, text)
                }
                _ => (StatusCode::OK, "alive".to_owned()),
            },
            "/readyz" => match &state.ready {
                Some(Ok(text)) => (StatusCode::OK, text.clone()),
                Some(Err(text)) => (StatusCode::SERVICE_UNAVAILABLE, text.clone()),
                None => (StatusCode::SERVICE_UNAVAILABLE, "starting".to_owned()),
            },
            _ => (StatusCode::NOT_FOUND, "there are /livez and /readyz".to_owned()),
        }
    }

    /// Serves the probes until the process ends. Returns the address that it listens on.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn serve(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        let health = self.clone();
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        tokio::spawn(async move {
            loop {
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
                let Ok((stream, _)) = listener.accept().await else {
                    // Out of descriptors, most likely: they come free again.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let health = health.clone();
                tokio::spawn(async move {
                    let answer = service_fn(move |request: Request<Incoming>| {
                        let (status, text) = health.answer(request.uri().path());
                        let mut response = Response::new(Full::new(Bytes::from(text + "\n")));
                        *response.status_mut() = status;
                        async move { Ok::<_, Infallible>(response) }
                    });
                    let serving =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
                    // A prober that went away is nothing to tell of.
                    let _ = timeout(PATIENCE, serving).await;
                    drop(permit);
                });
            }
        });
        Ok(bound)
    }
}
