use std::{pin::pin, time::Duration};

use futures_util::TryStreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Client, Error,
    api::{ListParams, ObjectList, Request, WatchEvent, WatchParams},
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use super::names::SELECTOR;
use crate::cluster::{
    backoff::Backoff,
    object::Version,
    watch::{Timing, told},
};

/// What the server says of the Leases.
pub(super) enum Seen {
    /// These are all there are.
    Listed {
        number: Option<u64>,
        leases: Vec<Lease>,
        version: Version,
    },
    /// There is a new one, or it has changed.
    Changed(Box<Lease>),
    Gone(Box<Lease>),
    /// They cannot be followed, and why; or can be again.
    Trouble(Option<String>),
}

/// The longest wait between two attempts: leases are short.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a list may take.
const LIST: Duration = Duration::from_secs(5);

/// Why a watch ended.
enum End {
    /// Go on from here.
    Again,
    /// A list was asked for, or the server has forgotten where the watch was.
    Relist(Option<u64>),
    Failed(String),
    Closed,
}

/// Follows them until nobody receives any more. A number in `lists` asks for a list at once.
pub(super) async fn follow(
    client: Client,
    namespace: String,
    seen: mpsc::Sender<Seen>,
    mut lists: mpsc::Receiver<u64>,
) {
    let timing = Timing::default();
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases");
    let mut backoff = Backoff::new(timing.retry, PATIENCE);
    let mut asked = None;
    loop {
        let mut version = match list(&client, &path).await {
            Ok((leases, version)) => {
                let listed =
                    Seen::Listed { number: asked.take(), leases, version: version.clone() };
                if seen.send(listed).await.is_err() {
                    return;
                }
                version
            }
            Err(why) => {
                if seen.send(Seen::Trouble(Some(why))).await.is_err() {
                    return;
                }
                sleep(backoff.next()).await;
                continue;
            }
        };
        backoff.reset();
        asked = loop {
            let from = version.clone();
            let end = tokio::select! {
                end = watch(&client, &path, timing, &mut version, &seen) => end,
                Some(number) = lists.recv() => End::Relist(Some(number)),
            };
            match end {
                // A server that ends every watch at once must not be asked in a circle.
                End::Again if version == from => sleep(backoff.next()).await,
                End::Again => backoff.reset(),
                End::Relist(number) => break number,
                End::Closed => return,
                End::Failed(why) => {
                    if seen.send(Seen::Trouble(Some(why))).await.is_err() {
                        return;
                    }
                    sleep(backoff.next()).await;
                    break None;
                }
            }
        };
    }
}

async fn list(client: &Client, path: &str) -> Result<(Vec<Lease>, Version), String> {
    let params = ListParams::default().labels(SELECTOR);
    let request = Request::new(path).list(&params).map_err(|error| error.to_string())?;
    let answer = timeout(LIST, client.request::<ObjectList<Lease>>(request)).await;
    let list =
        answer.map_err(|_| "the server does not answer".to_owned())?.map_err(|e| told(&e))?;
    Ok((list.items, Version::new(list.metadata.resource_version.as_deref().unwrap_or_default())))
}

/// One watch, from `version`, which moves along.
async fn watch(
    client: &Client,
    path: &str,
    timing: Timing,
    version: &mut Version,
    seen: &mpsc::Sender<Seen>,
) -> End {
    let params = WatchParams {
        label_selector: Some(SELECTOR.to_owned()),
        field_selector: None,
        timeout: Some(u32::try_from(timing.watch.as_secs()).unwrap_or(u32::MAX)),
        bookmarks: true,
        send_initial_events: false,
    };
    let request = match Request::new(path).watch(&params, version.as_str()) {
        Ok(request) => request,
        Err(error) => return End::Failed(error.to_string()),
    };
    let stream = match timeout(LIST, client.request_events::<Lease>(request)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(Error::Api(status))) if status.code == 410 => return End::Relist(None),
        Ok(Err(error)) => return End::Failed(told(&error)),
        Err(_) => return End::Failed("the server does not answer".to_owned()),
    };
    let mut stream = pin!(stream);
    loop {
        let event = match timeout(timing.silence, stream.try_next()).await {
            Ok(Ok(Some(event))) => event,
            Ok(Ok(None)) => return End::Again,
            Ok(Err(error)) => return End::Failed(told(&error)),
            Err(_) => return End::Failed("the watch fell silent".to_owned()),
        };
        let (at, told) = match event {
            WatchEvent::Added(lease) | WatchEvent::Modified(lease) => {
                (lease.metadata.resource_version.clone(), Some(Seen::Changed(Box::new(lease))))
            }
            WatchEvent::Deleted(lease) => {
                (lease.metadata.resource_version.clone(), Some(Seen::Gone(Box::new(lease))))
            }
            WatchEvent::Bookmark(bookmark) => (Some(bookmark.metadata.resource_version), None),
            WatchEvent::Error(status) if status.code == 410 => return End::Relist(None),
            WatchEvent::Error(status) => return End::Failed(status.message),
        };
        *version = Version::new(&at.unwrap_or_default());
        if let Some(told) = told
            && seen.send(told).await.is_err()
        {
            return End::Closed;
        }
    }
}
