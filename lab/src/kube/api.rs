//! A client of the API server: paths and JSON, nothing typed.

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use futures_util::{AsyncBufReadExt, StreamExt};
use http::{HeaderName, HeaderValue, Method, Request, header};
use kube::{Client, Config};
use serde_json::Value;
use tokio::{
    runtime::{Builder, Runtime},
    task::AbortHandle,
    time::error::Elapsed,
};

use super::error::{KubeError, Result};
use crate::{error::LabError, host::Host};

/// A client with one identity, whose connections start on one host. Clones share them.
///
/// Paths are the API server's own, as `/api/v1/namespaces/default/services`. Nothing is tried again.
#[derive(Clone)]
pub struct Api {
    runtime: Arc<Runtime>,
    client: Client,
    server: String,
    authority: Vec<u8>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "client of {}", self.server)
    }
}

/// Long enough for a busy API server; an answer takes milliseconds.
const LIMIT: Duration = Duration::from_secs(120);

impl Api {
    /// A client on `host`, of the server at this address, who is known by `token`.
    pub(super) fn new(host: &Host, server: &str, authority: &[u8], token: &str) -> Result<Self> {
        // The threads of the runtime inherit the namespace of the thread that starts them.
        let runtime =
            host.run(|| Builder::new_multi_thread().worker_threads(1).enable_all().build())?;
        let runtime = Arc::new(runtime.map_err(LabError::io("start a client's runtime"))?);
        let client = connect(&runtime, server, authority, token)?;
        Ok(Self { runtime, client, server: server.to_owned(), authority: authority.to_owned() })
    }

    /// The same with another identity.
    ///
    /// # Errors
    /// A token that cannot stand in a header.
    pub fn with_token(&self, token: &str) -> Result<Self> {
        let client = connect(&self.runtime, &self.server, &self.authority, token)?;
        Ok(Self { client, ..self.clone() })
    }

    /// One object, or a list.
    ///
    /// # Errors
    /// [`KubeError::Request`], as for every request.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.request(Method::GET, path, None)
    }

    /// A page of text, as `/readyz`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn text(&self, path: &str) -> Result<String> {
        let said = format!("GET {path}");
        let request = Request::get(path).body(Vec::new());
        let request = request.map_err(|error| KubeError::invalid(format!("{said}: {error}")))?;
        let client = self.client.clone();
        let answer = on(&self.runtime, async move {
            tokio::time::timeout(LIMIT, client.request_text(request)).await
        })?;
        answered(said, answer)
    }

    /// The items of a list.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn list(&self, path: &str) -> Result<Vec<Value>> {
        match self.get(path)?["items"].take() {
            Value::Array(items) => Ok(items),
            _ => Err(KubeError::invalid(format!("{path} is not a list"))),
        }
    }

    /// Creates an object: the path is that of its list.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn create(&self, path: &str, object: &Value) -> Result<Value> {
        self.request(Method::POST, path, Some(("application/json", object)))
    }

    /// Replaces an object.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn replace(&self, path: &str, object: &Value) -> Result<Value> {
        self.request(Method::PUT, path, Some(("application/json", object)))
    }

    /// Changes an object by a merge patch.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn merge(&self, path: &str, patch: &Value) -> Result<Value> {
        self.request(Method::PATCH, path, Some(("application/merge-patch+json", patch)))
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn delete(&self, path: &str) -> Result<Value> {
        self.request(Method::DELETE, path, None)
    }

    /// Waits until the object at `path` satisfies `wanted`, and returns it as it then is.
    ///
    /// # Errors
    /// [`KubeError::Timeout`] with the object as last seen.
    pub fn wait_for(
        &self,
        path: &str,
        limit: Duration,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let start = Instant::now();
        let (list, name) = path.rsplit_once('/').unwrap_or(("", path));
        let watch = self.watch(&format!("{list}?fieldSelector=metadata.name%3D{name}"));
        let mut last = Value::Null;
        loop {
            let left = limit.saturating_sub(start.elapsed());
            match watch.next(left) {
                Some((kind, object)) if kind != "DELETED" => {
                    if wanted(&object) {
                        return Ok(object);
                    }
                    last = object;
                }
                Some(_) => last = Value::Null,
                None => {
                    let what = format!("{what} at {path}; it is\n{last:#}");
                    return Err(KubeError::Timeout { what, waited: start.elapsed() });
                }
            }
        }
    }

    /// Follows a list: all objects first, then each change. A watch that ends is begun anew, and says
    /// everything again.
    #[must_use]
    pub fn watch(&self, path: &str) -> Watch {
        let (sender, events) = mpsc::channel();
        let separator = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{separator}watch=true");
        let client = self.client.clone();
        let task = self.runtime.spawn(async move {
            loop {
                if let Ok(request) = Request::get(&path).body(Vec::new())
                    && let Ok(stream) = client.request_stream(request).await
                {
                    let mut lines = Box::pin(stream).lines();
                    while let Some(Ok(line)) = lines.next().await {
                        let Ok(mut event) = serde_json::from_str::<Value>(&line) else { break };
                        let kind = event["type"].as_str().unwrap_or_default().to_owned();
                        if kind == "ERROR" || sender.send((kind, event["object"].take())).is_err() {
                            break;
                        }
                    }
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Watch { events, task: task.abort_handle() }
    }

    /// Does something again and again on the client's own thread, until the handle is used.
    pub(super) fn every<F: Future<Output = ()> + Send>(
        &self,
        interval: Duration,
        work: impl Fn(Client) -> F + Send + Sync + 'static,
    ) -> AbortHandle {
        let client = self.client.clone();
        let task = self.runtime.spawn(async move {
            let mut ticks = tokio::time::interval(interval);
            loop {
                ticks.tick().await;
                work(client.clone()).await;
            }
        });
        task.abort_handle()
    }

    fn request(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> Result<Value> {
        let said = format!("{method} {path}");
        let mut request = Request::builder().method(method).uri(path);
        let mut bytes = Vec::new();
        if let Some((kind, body)) = body {
            request = request.header(header::CONTENT_TYPE, kind);
            bytes = body.to_string().into_bytes();
        }
        let request =
            request.body(bytes).map_err(|error| KubeError::invalid(format!("{said}: {error}")))?;
        let client = self.client.clone();
        let answer = on(&self.runtime, async move {
            tokio::time::timeout(LIMIT, client.request::<Value>(request)).await
        })?;
        answered(said, answer)
    }
}

/// What a request came to, or that it came to nothing in time.
fn answered<T>(request: String, answer: Result<Result<T, kube::Error>, Elapsed>) -> Result<T> {
    match answer {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(KubeError::Request { request, source: Box::new(source) }),
        Err(_) => {
            Err(KubeError::Timeout { what: format!("an answer to {request}"), waited: LIMIT })
        }
    }
}

/// A list that is followed. It ends when dropped.
#[derive(Debug)]
pub struct Watch {
    events: mpsc::Receiver<(String, Value)>,
    task: AbortHandle,
}

impl Watch {
    /// The next event: `ADDED`, `MODIFIED` or `DELETED`, and the object; nothing within `limit` is
    /// `None`.
    #[must_use]
    pub fn next(&self, limit: Duration) -> Option<(String, Value)> {
        self.events.recv_timeout(limit).ok()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn connect(runtime: &Runtime, server: &str, authority: &[u8], token: &str) -> Result<Client> {
    let bad = |what: &str| KubeError::invalid(format!("a client of {server}: {what}"));
    let mut config = Config::new(server.parse().map_err(|_| bad("its address cannot be read"))?);
    config.root_cert = Some(vec![authority.to_owned()]);
    config.default_retry = false;
    let bearer =
        HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| bad("a bad token"))?;
    config.headers.push((HeaderName::from_static("authorization"), bearer));
    let client = on(runtime, async move { Client::try_from(config) })?;
    client.map_err(|source| KubeError::Request {
        request: format!("connect to {server}"),
        source: Box::new(source),
    })
}

/// Runs `work` on the runtime's own thread, in the namespace where that lives, and waits for it.
fn on<T: Send + 'static>(
    runtime: &Runtime,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T> {
    let (sender, answer) = mpsc::channel();
    runtime.spawn(async move { drop(sender.send(work.await)) });
    answer.recv().map_err(|_| KubeError::invalid("a client's thread is gone"))
}
