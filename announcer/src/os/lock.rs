use std::{
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
};

/// The lock of the one instance that may run in this network namespace.
///
/// It is an abstract unix socket: such names belong to a network namespace, leave nothing on disk,
/// and are gone with the process, however it ends. Take it before orphans are swept, for what looks
/// like an orphan may belong to an instance that lives.
#[derive(Debug)]
#[must_use = "the lock is released when it is dropped"]
pub struct InstanceLock {
    _socket: UnixDatagram,
}

/// The lock was not taken. Nothing changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process holds it.
    #[error(
        "another vipcast is running in this network namespace: stop it, or run this one in another"
    )]
    AlreadyRunning,
    /// The kernel refused the socket.
    #[error("cannot make the lock socket: {0}")]
    Socket(#[source] io::Error),
}

impl InstanceLock {
    /// The abstract name, without its leading zero byte.
    pub const NAME: &'static str = "vipcast/instance";

    /// Takes the lock of the calling thread's network namespace, or says who is at fault. Does not
    /// wait.
    ///
    /// # Errors
    /// [`LockError::AlreadyRunning`] when another process, or this one, holds it.
    pub fn acquire() -> Result<Self, LockError> {
        let address = SocketAddr::from_abstract_name(Self::NAME).map_err(LockError::Socket)?;
        match UnixDatagram::bind_addr(&address) {
            Ok(socket) => Ok(Self { _socket: socket }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Err(LockError::AlreadyRunning)
            }
            Err(error) => Err(LockError::Socket(error)),
        }
    }
}
