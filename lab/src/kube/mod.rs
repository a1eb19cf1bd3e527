//! Clusters with a real control plane: etcd, kube-apiserver and kube-controller-manager on one host,
//! kube-proxy on every node.
//!
//! There is no scheduler and no kubelet. [`KubeCluster`] does their work, as far as it can be seen
//! from outside: it binds pods to nodes, starts their containers as plain processes with all that
//! the pod template says (command, arguments, environment, mounted tokens, user, capabilities, a
//! root folder of their own), asks their probes, tells the API server what came of it, and renews
//! the Lease of each node. A mistake in a manifest is then a pod that does not become ready, with
//! the reason in its status.
//!
//! ```text
//!   control .3.1      node-a .1.1  ...         client .2.1       router
//!   etcd              kube-proxy                  |                |
//!   kube-apiserver      |    \                    |                |
//!   controller-manager  |     pods-a 10.244.1.0/24, fd44:0:0:1::/64
//!      |                |                         |                |
//!   ---+----------------+--------- lan -----------+----------------+---
//! ```
//!
//! The programs come from the folder in `KUBEBUILDER_ASSETS`, which `cargo xtask test kube` sets.

mod api;
mod audit;
mod binaries;
mod cluster;
mod container;
mod control_plane;
mod credentials;
mod error;
mod installed;
mod kubelet;
mod node;
mod pod;
mod root;

pub use api::{Api, Watch};
pub use audit::{Answer, Audit, Call, granted};
pub use binaries::Binaries;
pub use cluster::{KubeCluster, KubeOptions};
pub use control_plane::ControlPlane;
pub use error::{KubeError, Result};
pub use installed::{Installed, NAMESPACE, SERVICES, addresses, create_pages, service_writes};
pub use root::{Image, Root};
