//! Installs what a step needs, only where it is missing, and says so.

mod cargo_tool;
mod debian;
mod go_program;
mod kube;
mod rustup;

pub(crate) use cargo_tool::{CARGO_DENY, CARGO_FUZZ};
pub(crate) use debian::{
    BGP_DEMO_PACKAGES, BGP_RACE_PACKAGES, KUBE_PACKAGES, LAB_PACKAGES, RACE_PACKAGES,
    STATIC_PACKAGES, ensure_debian_packages,
};
pub(crate) use go_program::GoProgram;
pub(crate) use kube::{ASSETS, ensure_control_plane};
pub(crate) use rustup::{ensure_target, ensure_toolchain};
