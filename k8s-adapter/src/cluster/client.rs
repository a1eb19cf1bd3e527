//! The way to the API server: one place for every connection's manners.

use std::{path::Path, time::Duration};

use hyper_util::{
    client::legacy::{Builder, connect::HttpConnector},
    rt::TokioExecutor,
};
use kube::{
    Client, Config,
    client::{Body, ConfigExt},
    config::{KubeConfigOptions, Kubeconfig},
};
use tower::{BoxError, ServiceBuilder};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection that says nothing is asked whether it lives, and given up after about twice this.
const SILENCE: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Neither a pod's service account nor a kubeconfig is to be found.
    #[error(
        "no cluster to talk to: run as a pod with a service account, or name a kubeconfig with \
         --kubeconfig or $KUBECONFIG ({0})"
    )]
    NoConfig(#[source] BoxError),
    /// The configuration is there and cannot be used.
    #[error("the cluster configuration cannot be used: {0}")]
    BadConfig(#[source] kube::Error),
}

/// A client for the cluster that `kubeconfig` names; without one, of `$KUBECONFIG`, of
/// `~/.kube/config`, or that this pod runs in.
///
/// It never repeats a request by itself: deadlines and patience are the caller's. A connection whose
/// other end is gone without a word is given up within half a minute.
///
/// # Errors
/// [`ConnectError`]. Nothing is sent yet.
pub async fn connect(kubeconfig: Option<&Path>) -> Result<Client, ConnectError> {
    let config = match kubeconfig {
        Some(path) => {
            let read = Kubeconfig::read_from(path).map_err(|e| ConnectError::NoConfig(e.into()))?;
            let options = KubeConfigOptions::default();
            Config::from_custom_kubeconfig(read, &options)
                .await
                .map_err(|e| ConnectError::NoConfig(e.into()))?
        }
        None => Config::infer().await.map_err(|e| ConnectError::NoConfig(e.into()))?,
    };
    client(&config).map_err(ConnectError::BadConfig)
}

pub(crate) fn client(config: &Config) -> kube::Result<Client> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    // Idle connections are probed; unanswered data is given up as soon.
    tcp.set_keepalive(Some(SILENCE));
    tcp.set_keepalive_interval(Some(SILENCE / PROBES));
    tcp.set_keepalive_retries(Some(PROBES));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(2 * SILENCE));
    let tls = config.rustls_https_connector_with_connector(tcp)?;
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(Builder::new(TokioExecutor::new()).build::<_, Body>(tls));
    Ok(Client::new(service, config.default_namespace.clone()))
}
