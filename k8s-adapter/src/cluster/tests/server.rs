//! An API server that does as a test says: lists, watches, versions and conflicts as the real one,
//! and faults on demand.

mod faults;
mod objects;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};

pub(super) use faults::{Asked, Fault};
use objects::{event, patched, selected};

type Body = BoxBody<Bytes, std::io::Error>;
type Key = (String, String, String);

type Script = Box<dyn FnMut(&Asked) -> Option<Fault> + Send>;

#[derive(Default)]
struct State {
    version: u64,
    /// Watches from before this version are too late.
    oldest: u64,
    objects: BTreeMap<Key, Value>,
    /// Version, plural, the object before and after.
    history: Vec<(u64, String, Option<Value>, Option<Value>)>,
    asked: Vec<Asked>,
    script: Option<Script>,
    /// What requests were answered that came late.
    late: Vec<u16>,
}

#[derive(Clone)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    state: Arc<Mutex<State>>,
    news: watch::Sender<u64>,
    cuts: watch::Sender<()>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { version: 100, ..State::default() };
        let server = Self {
            address,
            state: Arc::new(Mutex::new(state)),
            news: watch::channel(0).0,
            cuts: watch::channel(()).0,
        };
        let serving = server.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let server = serving.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let server = server.clone();
                        async move { Ok::<_, Infallible>(server.answer(request).await) }
                    });
                    let _ =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        server
    }

    pub(super) fn client(&self) -> kube::Client {
        let uri = format!("http://{}", self.address).parse().unwrap();
        super::super::client::client(&kube::Config::new(uri)).unwrap()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Asks `script` before each answer.
    pub(super) fn script(&self, script: impl FnMut(&Asked) -> Option<Fault> + Send + 'static) {
        self.state().script = Some(Box::new(script));
    }

    pub(super) fn no_script(&self) {
        self.state().script = None;
    }

    /// All requests so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// The statuses of the answers to requests that came late.
    pub(super) fn late(&self) -> Vec<u16> {
        self.state().late.clone()
    }

    /// The writes to services so far.
    pub(super) fn service_writes(&self) -> Vec<Asked> {
        let asked = self.asked().into_iter();
        asked.filter(|a| a.method == Method::PATCH && a.path.contains("/services/")).collect()
    }

    pub(super) fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        self.state().objects.get(&key(plural, namespace, name)).cloned()
    }

    pub(super) fn all(&self, plural: &str) -> Vec<Value> {
        let state = self.state();
        state.objects.iter().filter(|((p, ..), _)| p == plural).map(|(_, v)| v.clone()).collect()
    }

    /// Puts an object there, or in the place of another. Gives its version.
    pub(super) fn put(&self, plural: &str, mut object: Value) -> u64 {
        let mut state = self.state();
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let at = key(plural, &text("namespace"), &text("name"));
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = format!("uid-{}-{}", at.1, at.2).into();
        }
        let version = store(&mut state, at, Some(object));
        drop(state);
        self.news.send_replace(version);
        version
    }

    pub(super) fn delete(&self, plural: &str, namespace: &str, name: &str) {
        let mut state = self.state();
        let version = store(&mut state, key(plural, namespace, name), None);
        drop(state);
        self.news.send_replace(version);
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let asked = Asked {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            body: serde_json::from_slice(&body).unwrap_or_default(),
        };
        let fault = {
            let mut state = self.state();
            state.asked.push(asked.clone());
            state.script.as_mut().and_then(|script| script(&asked))
        };
        match fault {
            None => {}
            Some(Fault::Slow(wait)) => tokio::time::sleep(wait).await,
            Some(Fault::Late(gate)) => {
                let server = self.clone();
                let serving = tokio::spawn(async move {
                    gate.notified().await;
                    let answer = server.serve(&asked);
                    server.state().late.push(answer.status().as_u16());
                    answer
                });
                return serving.await.unwrap();
            }
            Some(Fault::LateAnswer(gate)) => {
                let answer = self.serve(&asked);
                gate.notified().await;
                return answer;
            }
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Says(code, text)) => return status(code, text, None),
            Some(Fault::Status(code, wait)) => return status(code, "as the test says", wait),
            Some(Fault::Script(lines)) => {
                let lines = lines.into_iter().map(|line| Ok(Frame::data(Bytes::from(line))));
                return ok(BodyExt::boxed(StreamBody::new(futures_util::stream::iter(lines))));
            }
            Some(Fault::Silence) => {
                return ok(BodyExt::boxed(StreamBody::new(futures_util::stream::pending())));
            }
        }
        self.serve(&asked)
    }

    fn serve(&self, asked: &Asked) -> Response<Body> {
        let parts: Vec<&str> = asked.path.trim_start_matches('/').split('/').collect();
        let (["api", _, rest @ ..] | ["apis", _, _, rest @ ..]) = parts.as_slice() else {
            return status(404, "no such path", None);
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let plural = rest[0];
        match (&asked.method, rest) {
            (&Method::GET, [_]) if asked.is_watch() => self.watch(plural, namespace, asked),
            (&Method::GET, [_]) => {
                let state = self.state();
                let items: Vec<Value> = state
                    .objects
                    .iter()
                    .filter(|((p, n, _), object)| {
                        p == plural
                            && (namespace.is_empty() || n == namespace)
                            && selected(&asked.query, object)
                    })
                    .map(|(_, object)| object.clone())
                    .collect();
                let version = state.version.to_string();
                let list = json!({
                    "kind": "List", "apiVersion": "v1",
                    "metadata": {"resourceVersion": version}, "items": items,
                });
                full(StatusCode::OK, &list)
            }
            (&Method::GET, [_, name]) => match self.get(plural, namespace, name) {
                Some(object) => full(StatusCode::OK, &object),
                None => status(404, "not found", None),
            },
            (&Method::POST, [_]) => {
                let mut object = asked.body.clone();
                object["metadata"]["namespace"] = namespace.into();
                let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                if self.get(plural, namespace, &name).is_some() {
                    return status_of(409, "AlreadyExists", "it is there", None);
                }
                self.put(plural, object);
                full(StatusCode::CREATED, &self.get(plural, namespace, &name).unwrap())
            }
            (&Method::PUT, [_, name]) => {
                self.change(plural, namespace, name, &asked.body, |_| asked.body.clone())
            }
            (&Method::PATCH, [_, name, ..]) => {
                self.change(plural, namespace, name, &asked.body, |before| {
                    patched(before, &asked.body)
                })
            }
            _ => status(405, "not allowed", None),
        }
    }

    fn change(
        &self,
        plural: &str,
        namespace: &str,
        name: &str,
        body: &Value,
        change: impl FnOnce(Value) -> Value,
    ) -> Response<Body> {
        let Some(before) = self.get(plural, namespace, name) else {
            return status(404, "not found", None);
        };
        let expected = &body["metadata"]["resourceVersion"];
        if !expected.is_null() && *expected != before["metadata"]["resourceVersion"] {
            return status_of(409, "Conflict", "the object has been modified", None);
        }
        self.put(plural, change(before));
        full(StatusCode::OK, &self.get(plural, namespace, name).unwrap())
    }

    fn watch(&self, plural: &str, namespace: &str, asked: &Asked) -> Response<Body> {
        let from = asked.query.split('&').find_map(|p| p.strip_prefix("resourceVersion="));
        let mut cursor: u64 = from.and_then(|text| text.parse().ok()).unwrap_or(0);
        if cursor < self.state().oldest {
            let gone = json!({"type": "ERROR", "object": {
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410,
                "reason": "Expired", "message": "too old resource version", "metadata": {},
            }});
            let line = Ok(Frame::data(Bytes::from(format!("{gone}\n"))));
            return ok(BodyExt::boxed(StreamBody::new(futures_util::stream::iter([line]))));
        }
        let (sender, receiver) = mpsc::channel(1024);
        let (server, asked) = (self.clone(), asked.clone());
        let (plural, namespace) = (plural.to_owned(), namespace.to_owned());
        tokio::spawn(async move {
            let mut news = server.news.subscribe();
            let mut cuts = server.cuts.subscribe();
            loop {
                let events: Vec<(u64, String)> = {
                    let state = server.state();
                    let new = state
                        .history
                        .iter()
                        .filter(|(version, p, ..)| *version > cursor && *p == plural);
                    new.filter_map(|(version, _, before, after)| {
                        let event = event(&asked.query, &namespace, before, after, *version)?;
                        Some((*version, event))
                    })
                    .collect()
                };
                for (version, event) in events {
                    cursor = version;
                    if sender.send(Ok(Frame::data(Bytes::from(event)))).await.is_err() {
                        return;
                    }
                }
                tokio::select! {
                    () = sender.closed() => return,
                    Ok(()) = cuts.changed() => return,
                    changed = news.changed() => if changed.is_err() { return },
                }
            }
        });
        let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|frame| (frame, receiver))
        });
        ok(BodyExt::boxed(StreamBody::new(stream.boxed_sync())))
    }
}

/// `boxed` wants a stream that is shared between threads.
trait BoxedSync: futures_util::Stream + Sized {
    fn boxed_sync(
        self,
    ) -> std::pin::Pin<Box<dyn futures_util::Stream<Item = Self::Item> + Send + Sync>>
    where
        Self: Send + Sync + 'static,
    {
        Box::pin(self)
    }
}

impl<S: futures_util::Stream> BoxedSync for S {}

fn key(plural: &str, namespace: &str, name: &str) -> Key {
    (plural.to_owned(), namespace.to_owned(), name.to_owned())
}

fn store(state: &mut State, at: Key, object: Option<Value>) -> u64 {
    state.version += 1;
    let version = state.version;
    let before = state.objects.remove(&at);
    let after = object.map(|mut object| {
        object["metadata"]["resourceVersion"] = version.to_string().into();
        object
    });
    if let Some(after) = &after {
        state.objects.insert(at.clone(), after.clone());
    }
    state.history.push((version, at.0, before, after));
    version
}

fn full(code: StatusCode, value: &Value) -> Response<Body> {
    let body = http_body_util::Full::new(Bytes::from(value.to_string()));
    let mut response = ok(body.map_err(|never| match never {}).boxed());
    *response.status_mut() = code;
    response
}

fn ok(body: Body) -> Response<Body> {
    Response::new(body)
}

fn status(code: u16, message: &str, wait: Option<u32>) -> Response<Body> {
    let reason = match code {
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        _ => "",
    };
    status_of(code, reason, message, wait)
}

fn status_of(code: u16, reason: &str, message: &str, wait: Option<u32>) -> Response<Body> {
    let value = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "code": code, "reason": reason, "message": message,
        "details": {"retryAfterSeconds": wait.unwrap_or(0)},
    });
    full(StatusCode::from_u16(code).unwrap(), &value)
}
