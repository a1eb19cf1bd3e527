//! Delivery on this machine itself: addresses on `lo` under the guard.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use vipcast_plan::Delivery;

use crate::os::{
    DeliveryError, Guard, GuardError, LocalDelivery,
    netlink::{NetlinkError, Snapshot},
};

/// Delivers service addresses on this machine itself: on `lo`, with the kernel kept from answering
/// for them.
///
/// An address comes only after the guard that keeps the kernel silent about it, and goes before it.
#[derive(Debug)]
pub struct LocalServing {
    addresses: LocalDelivery,
    guard: Guard,
    /// What is on `lo` by our hand.
    delivered: BTreeSet<IpAddr>,
}

/// Why local delivery cannot be set up, followed or cleaned away.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalServingError {
    /// The addresses on `lo`.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// The guard that keeps the kernel silent.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The links, whose own addresses the guard needs.
    #[error("the links cannot be read: {0}")]
    Links(#[from] NetlinkError),
}

impl LocalServing {
    /// Sets up delivery with nothing delivered, and sweeps what a killed run has left. Returns the
    /// addresses that were swept.
    ///
    /// # Errors
    /// Without `CAP_NET_ADMIN`, or where the kernel lacks nftables.
    pub fn open() -> Result<(Self, Vec<IpAddr>), LocalServingError> {
        let mut addresses = LocalDelivery::open()?;
        // The guard covers the orphans until they are gone.
        let orphans = ipv4(&addresses.orphans()?);
        let sources = Guard::sources(&Snapshot::read()?, &orphans);
        let guard = Guard::install(sources, orphans)?;
        let mut serving = Self { addresses, guard, delivered: BTreeSet::new() };
        let swept = serving.addresses.sweep()?;
        Ok((serving, swept))
    }

    /// Delivers these addresses and no others, and says of each whether that works. What failed is
    /// tried again by the next call, and what somebody took away, the guard included, is put back.
    ///
    /// # Errors
    /// When the guard cannot follow: then nothing new is delivered.
    pub fn follow(
        &mut self,
        wanted: &BTreeSet<IpAddr>,
    ) -> Result<BTreeMap<IpAddr, Delivery>, LocalServingError> {
        let covered: BTreeSet<IpAddr> = self.delivered.union(wanted).copied().collect();
        let sources = Guard::sources(&Snapshot::read()?, &ipv4(&covered));
        if !self.guard.is_installed()? {
            self.guard.repair()?;
        }
        self.guard.set_sources(&sources)?;
        self.guard.set_vips(&ipv4(&covered))?;
        for address in self.delivered.difference(wanted).copied().collect::<Vec<_>>() {
            self.addresses.remove(address)?;
            self.delivered.remove(&address);
        }
        let outcomes = self.addresses.add_all(wanted)?;
        self.guard.set_vips(&ipv4(wanted))?;
        let judged = outcomes.into_iter().map(|(address, outcome)| match outcome {
            Ok(_) => {
                self.delivered.insert(address);
                (address, Delivery::Ready)
            }
            Err(error) => (address, Delivery::Failed(error.to_string())),
        });
        Ok(judged.collect())
    }

    /// Takes away what was set: the addresses first, the guard last.
    ///
    /// # Errors
    /// When the kernel refuses; what is left is swept at the next start.
    pub fn clear(mut self) -> Result<(), LocalServingError> {
        self.addresses.clear()?;
        Guard::remove()?;
        Ok(())
    }
}

impl Drop for LocalServing {
    /// On every way out but a kill. What cannot be taken back is swept at the next start.
    fn drop(&mut self) {
        if self.addresses.clear().is_ok() {
            let _ = Guard::remove();
        }
    }
}

/// Keeps the kernel silent about service addresses that somebody else has put on this machine, as
/// kube-proxy does in its IPVS mode.
#[derive(Debug)]
pub struct KernelSilence {
    /// Not ours yet where a killed run has left one: it keeps its addresses until we know ours.
    guard: Option<Guard>,
}

impl KernelSilence {
    /// Installs the guard, silent about nothing yet. One that a killed run has left stays until the
    /// first address is known.
    ///
    /// # Errors
    /// Without `CAP_NET_ADMIN`, or where the kernel lacks nftables.
    pub fn open() -> Result<Self, LocalServingError> {
        if Guard::is_left()? {
            return Ok(Self { guard: None });
        }
        let sources = Guard::sources(&Snapshot::read()?, &BTreeSet::new());
        Ok(Self { guard: Some(Guard::install(sources, BTreeSet::new())?) })
    }

    /// Keeps the kernel silent about these addresses and no others. A guard that somebody took away
    /// is put back.
    ///
    /// # Errors
    /// When the guard cannot follow; it stays as it was.
    pub fn follow(&mut self, wanted: &BTreeSet<IpAddr>) -> Result<(), LocalServingError> {
        let vips = ipv4(wanted);
        let sources = Guard::sources(&Snapshot::read()?, &vips);
        let Some(guard) = &mut self.guard else {
            if !vips.is_empty() {
                self.guard = Some(Guard::install(sources, vips)?);
            }
            return Ok(());
        };
        if !guard.is_installed()? {
            guard.repair()?;
        }
        guard.set_sources(&sources)?;
        Ok(guard.set_vips(&vips)?)
    }

    /// Lets the kernel speak again.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn clear(self) -> Result<(), LocalServingError> {
        Ok(Guard::remove()?)
    }
}

impl Drop for KernelSilence {
    fn drop(&mut self) {
        let _ = Guard::remove();
    }
}

/// Takes away the guard that a killed run has left, for a run that wants none, and before it the
/// addresses of that run; `None` if there is no guard. Who may not look has none either: nothing of
/// ours can have been set there.
pub(crate) fn sweep_guard() -> Result<Option<Vec<IpAddr>>, LocalServingError> {
    match Guard::is_left() {
        Ok(true) => {}
        Ok(false) | Err(GuardError::NotPermitted | GuardError::Unsupported) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let swept = LocalDelivery::open()?.sweep()?;
    Guard::remove()?;
    Ok(Some(swept))
}

fn ipv4<'a>(addresses: impl IntoIterator<Item = &'a IpAddr>) -> BTreeSet<Ipv4Addr> {
    let only = |address: &IpAddr| match address {
        IpAddr::V4(address) => Some(*address),
        IpAddr::V6(_) => None,
    };
    addresses.into_iter().filter_map(only).collect()
}
