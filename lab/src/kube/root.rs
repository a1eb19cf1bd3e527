//! What a container's process sees of the file system, and who it is.

use std::{
    fs, io,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use nix::sched::{CloneFlags, unshare};
use rustix::{
    mount::{
        MountFlags, MountPropagationFlags, mount_bind, mount_bind_recursive, mount_change,
        mount_remount,
    },
    process::{chdir, chroot},
    thread::{
        CapabilitySet, capability_is_in_bounding_set, remove_capability_from_bounding_set,
        set_no_new_privs,
    },
};

use super::error::{KubeError, Result};
use crate::{error::LabError, host::Host, process::Process};

/// An image, as its Dockerfile describes it: a few files, a user, a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Image {
    /// Each file: where it is here, where it is inside.
    pub files: Vec<(PathBuf, PathBuf)>,
    /// The user and group that it is run as.
    pub user: (u32, u32),
    /// The command line, as far as it is the image's.
    pub entrypoint: Vec<String>,
}

impl Image {
    /// Reads a Dockerfile of the simplest kind: FROM scratch, COPY, USER, ENTRYPOINT. Each file that
    /// it copies is looked for by its name alone: the program of that name is `program`.
    ///
    /// # Errors
    /// Any other instruction, or a file of another name.
    pub fn read(dockerfile: &Path, program: &Path) -> Result<Self> {
        let text = fs::read_to_string(dockerfile)
            .map_err(LabError::io(format!("read {}", dockerfile.display())))?;
        Self::parse(&text, program).map_err(|line| {
            KubeError::invalid(format!("{}: cannot follow `{line}`", dockerfile.display()))
        })
    }

    /// Whether none of its programs needs a shared library, as an image without files beside them asks for.
    ///
    /// # Errors
    /// A program that cannot be read.
    pub fn is_static(&self) -> Result<bool> {
        for (program, _) in &self.files {
            if !is_static(program).map_err(LabError::io(format!("read {}", program.display())))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn parse<'a>(text: &'a str, program: &Path) -> Result<Self, &'a str> {
        let mut image = Self::default();
        for line in text.lines().map(str::trim) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                [] | ["FROM", "scratch"] | ["LABEL", ..] => {}
                [comment, ..] if comment.starts_with('#') => {}
                ["COPY", "vipcast", target] => {
                    image.files.push((program.to_owned(), target.into()));
                }
                ["USER", user] => image.user = parse_user(user).ok_or(line)?,
                ["ENTRYPOINT", ..] => {
                    let list = line.strip_prefix("ENTRYPOINT").unwrap_or_default();
                    image.entrypoint = serde_json::from_str(list).map_err(|_| line)?;
                }
                _ => return Err(line),
            }
        }
        Ok(image)
    }
}

fn parse_user(text: &str) -> Option<(u32, u32)> {
    let (user, group) = text.split_once(':')?;
    Some((user.parse().ok()?, group.parse().ok()?))
}

/// A folder or file of the host that a container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) source: PathBuf,
    pub(super) target: PathBuf,
    pub(super) read_only: bool,
}

/// What a container's process may and may not.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Root {
    pub(super) image: Image,
    pub(super) mounts: Vec<Mount>,
    pub(super) user: (u32, u32),
    pub(super) capabilities: CapabilitySet,
    pub(super) read_only: bool,
    pub(super) no_new_privileges: bool,
}

impl Root {
    /// The image alone: its own user, no mount, no capability, nothing can be written.
    #[must_use]
    pub fn bare(image: Image) -> Self {
        Self {
            user: image.user,
            image,
            mounts: Vec::new(),
            capabilities: CapabilitySet::empty(),
            read_only: true,
            no_new_privileges: true,
        }
    }

    /// Starts a program of the image on `host`, with `folder` as the place where its root folder is
    /// laid out.
    ///
    /// A program that is linked with shared libraries sees those of this machine, read-only; one that
    /// is static sees the image's files alone.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn spawn(&self, host: &Host, folder: &Path, mut command: Command) -> Result<Process> {
        fs::create_dir_all(folder).map_err(LabError::io(format!("make {}", folder.display())))?;
        // Users other than root must find their way in.
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder, open).map_err(LabError::io("open a root folder"))?;
        command.uid(self.user.0).gid(self.user.1).current_dir("/");
        let (root, folder) = (self.clone(), folder.to_owned());
        Ok(host.spawn_after(command, move || root.enter(&folder))?)
    }

    /// Makes the calling thread see `folder` as its root, with everything in its place, and gives up
    /// what the container may not have.
    fn enter(&self, folder: &Path) -> io::Result<()> {
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        mount_bind(folder, folder)?;
        let inside = |path: &Path| folder.join(path.strip_prefix("/").unwrap_or(path));
        for (source, target) in &self.image.files {
            bind(source, &inside(target), true)?;
            if !is_static(source)? {
                for libraries in ["/lib", "/lib64", "/usr/lib"].map(Path::new) {
                    if libraries.is_dir() {
                        bind(&fs::canonicalize(libraries)?, &inside(libraries), true)?;
                    }
                }
            }
        }
        for system in ["/proc", "/sys"].map(Path::new) {
            fs::create_dir_all(inside(system))?;
            mount_bind_recursive(system, inside(system))?;
        }
        for device in ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"].map(Path::new) {
            bind(device, &inside(device), false)?;
        }
        for mount in &self.mounts {
            bind(&mount.source, &inside(&mount.target), mount.read_only)?;
        }
        if self.read_only {
            mount_remount(folder, MountFlags::BIND | MountFlags::RDONLY, "")?;
        }
        chroot(folder)?;
        chdir("/")?;
        for capability in
            CapabilitySet::all().iter().filter(|one| !self.capabilities.contains(*one))
        {
            // Newer ones than the kernel knows are in no set.
            if capability_is_in_bounding_set(capability).unwrap_or(false) {
                remove_capability_from_bounding_set(capability)?;
            }
        }
        set_no_new_privs(self.no_new_privileges)?;
        Ok(())
    }
}

/// Shows `source` at `target`, which is made if it is not there.
fn bind(source: &Path, target: &Path, read_only: bool) -> io::Result<()> {
    if source.is_dir() {
        fs::create_dir_all(target)?;
    } else {
        fs::create_dir_all(target.parent().unwrap_or(target))?;
        fs::OpenOptions::new().create(true).append(true).open(target)?;
    }
    mount_bind(source, target)?;
    if read_only {
        mount_remount(target, MountFlags::BIND | MountFlags::RDONLY, "")?;
    }
    Ok(())
}

/// Whether a program needs no loader: no segment of its ELF file names one.
fn is_static(program: &Path) -> io::Result<bool> {
    const PT_INTERP: u64 = 3;
    let bytes = fs::read(program)?;
    let number = |at: usize, length: usize| {
        let field = bytes.get(at..at + length).unwrap_or_default();
        field.iter().rev().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte))
    };
    // ELF64, little endian: offset, size and count of the program headers.
    let (offset, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    let mut headers = (0..count).filter_map(|index| usize::try_from(offset + index * size).ok());
    Ok(!headers.any(|at| number(at, 4) == PT_INTERP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_of_the_simplest_kind_is_read() {
        let text = "# a comment\nFROM scratch\nCOPY vipcast /vipcast\nUSER 65532:65532\nENTRYPOINT [\"/vipcast\"]\n";
        let image = Image::parse(text, Path::new("/built/vipcast")).expect("it is sound");
        assert_eq!(image.files, [("/built/vipcast".into(), "/vipcast".into())]);
        assert_eq!(image.user, (65532, 65532));
        assert_eq!(image.entrypoint, ["/vipcast"]);
    }

    #[test]
    fn what_the_rig_cannot_do_it_refuses() {
        for line in ["FROM debian", "RUN true", "COPY other /other", "USER nobody"] {
            assert_eq!(Image::parse(line, Path::new("/vipcast")), Err(line));
        }
    }
}
