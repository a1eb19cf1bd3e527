//! Who asked? Kubernetes and MetalLB manifests in, addresses and status out.
//!
//! The same manifests that a cluster would be given are read from a folder, with no Kubernetes
//! client in the build, and translated into an [`Intent`](vipcast_plan::Intent): the snapshot of
//! plain types that everything else works from.
//!
//! ```text
//! folder ──► Follower ──► Snapshot ──► translate ──► Translation ──► Assigner ──► Intent
//!               │             │                                          │
//!               ▼             ▼                                          ▼
//!           findings    manifests.NODE.json                      assignments.json
//!                       (served while the                        (one writer, who
//!                        folder is away)                          holds the lock)
//! ```
//!
//! - [`FileContent::read`] turns text into typed objects and [`Diagnostic`]s: file, document, line,
//!   column, field, what is wrong, what to do. One bad object stops no other.
//! - [`translate()`] is pure: objects in, an intent and findings out.
//! - [`folder::Follower`] decides what a changing folder asks for. What is not valid leaves the last
//!   valid state in place; [`folder::Follow`] runs it on a thread.
//! - [`assigner::assign`] is pure: what was assigned stays, the rest gets addresses.
//!   [`assigner::Assigner`] puts the lock and the file around it.
//! - [`assigner::AgreedAssigner`] assigns where nodes with folders of their own [agree](agree()).
//! - [`check`] is what `vipcast check` prints.
//! - [`Standalone`] puts it all together on tokio.
//! - `cluster`, behind the feature of that name, does the same with an API server in the place of the
//!   folder.
//!
//! What it is not: it knows no frame and no packet, elects nobody and announces nothing.
//!
//! ```
//! use std::collections::BTreeMap;
//! use vipcast_k8s_adapter::{FileContent, Options, assigner::assign, translate};
//!
//! let text = "
//! apiVersion: metallb.io/v1beta1
//! kind: IPAddressPool
//! metadata: {name: lan}
//! spec: {addresses: [192.0.2.10-192.0.2.20]}
//! ---
//! apiVersion: v1
//! kind: Service
//! metadata: {name: nginx}
//! spec: {type: LoadBalancer, ports: [{port: 80, prot: TCP}]}
//! ";
//! let content = FileContent::read("example.yaml", text);
//! assert_eq!(
//!     content.diagnostics[0].to_string(),
//!     "example.yaml:10:47 (document 2): warning: Service default/nginx: spec.ports[0].prot: \
//!      there is no field `prot`; did you mean `port`?"
//! );
//! let mut translation = translate(&content.manifests, &Options::default());
//! let (_, outcomes) = assign(&mut translation, &BTreeMap::new());
//! assert_eq!(outcomes[0].to_string(), "default/nginx is given 192.0.2.10 (pool lan)");
//! ```
#![forbid(unsafe_code)]

mod admission;
mod alive;
pub mod assigner;
mod check;
#[cfg(feature = "cluster")]
pub mod cluster;
mod consistency;
mod diagnostic;
mod document;
pub mod folder;
pub mod kinds;
mod manifest;
mod paths;
mod positions;
mod problem;
mod range;
mod reader;
mod standalone;
pub mod state;
mod translate;

pub use alive::{Alive, AliveFault};
pub use check::check;
pub use diagnostic::{Diagnostic, Place, Severity};
pub use manifest::Manifest;
pub use paths::default_state_dir;
pub use problem::{Problem, SelectorFault, StaleReason};
pub use reader::FileContent;
pub use standalone::{
    Feed, InUse, Standalone, StandaloneConfig, StandaloneError, StandaloneEvent, agree, feed,
};
pub use translate::{Options, Translation, translate, validate};
