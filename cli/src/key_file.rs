//! The file of keys that nodes share.
//!
//! ```text
//! # One key a line: its number, and a secret of at least 16 characters without spaces.
//! key 1 8c2f...
//! key 2 51aa...
//! # The key to sign with; without this line the first one.
//! sign 2
//! # receive-only, permissive or enforce; without this line, enforce.
//! mode enforce
//! ```
//!
//! A file of one line without these words is one secret, of key 1.

use std::{fs, io::Read, os::unix::fs::PermissionsExt, path::Path};

use anyhow::{Context, Result, bail};
use vipcast_election::beacon::{AuthMode, Key, KeyId, Keyring};

/// Larger files are not key files.
const LARGEST: u64 = 64 * 1024;

/// Reads the file. Errors name lines, and never what is secret.
pub(crate) fn read(file: &Path) -> Result<Keyring> {
    let named = || format!("the key file {}", file.display());
    let mut opened = fs::File::open(file).with_context(named)?;
    let found = opened.metadata().with_context(named)?;
    if !found.is_file() {
        bail!("{} is not a regular file", named());
    }
    let mode = found.permissions().mode();
    if mode & 0o007 != 0 {
        bail!(
            "{} can be used by everybody (mode {:03o}): `chmod o= {}`",
            named(),
            mode & 0o777,
            file.display()
        );
    }
    if found.len() > LARGEST {
        bail!("{} is too large to be one: {} octets", named(), found.len());
    }
    let mut text = String::new();
    // Of what was checked, even if the file grows.
    opened.by_ref().take(LARGEST).read_to_string(&mut text).with_context(named)?;
    parse(&text).with_context(named)
}

fn parse(text: &str) -> Result<Keyring> {
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
    let lines: Vec<(usize, &str)> =
        lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).collect();
    if let [(_, secret)] = lines[..]
        && !secret.contains(char::is_whitespace)
    {
        return Ok(Keyring::new(AuthMode::Enforce, KeyId(1), [(KeyId(1), key(secret)?)])?);
    }
    let (mut keys, mut sign, mut mode): (Vec<(KeyId, Key)>, _, _) = (Vec::new(), None, None);
    for (number, line) in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let place = || format!("line {number}");
        match words[..] {
            ["key", id, secret] => {
                let id = KeyId(id.parse().with_context(place)?);
                if keys.iter().any(|(known, _)| *known == id) {
                    bail!("line {number}: there is a key {} already", id.0);
                }
                keys.push((id, key(secret).with_context(place)?));
            }
            ["sign", id] if sign.is_none() => sign = Some(KeyId(id.parse().with_context(place)?)),
            ["mode", name] if mode.is_none() => {
                mode = Some(match name {
                    "receive-only" => AuthMode::ReceiveOnly,
                    "permissive" => AuthMode::Permissive,
                    "enforce" => AuthMode::Enforce,
                    _ => bail!("line {number}: a mode is receive-only, permissive or enforce"),
                });
            }
            _ => bail!("line {number} is none of `key ID SECRET`, `sign ID` and `mode MODE`"),
        }
    }
    let first = keys.first().map(|(id, _)| *id).context("there is no key in it")?;
    Ok(Keyring::new(mode.unwrap_or(AuthMode::Enforce), sign.unwrap_or(first), keys)?)
}

fn key(secret: &str) -> Result<Key> {
    Ok(Key::new(secret.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef";

    fn refused(text: &str) -> String {
        format!("{:#}", parse(text).unwrap_err())
    }

    #[test]
    fn one_secret_will_do() {
        let keys = [(KeyId(1), key(SECRET).unwrap())];
        let ring = Keyring::new(AuthMode::Enforce, KeyId(1), keys).unwrap();
        assert_eq!(parse(&format!("# a comment\n\n{SECRET}\n")).unwrap(), ring);
    }

    #[test]
    fn a_rotation_has_two_keys_and_says_which_signs() {
        let text = format!("key 1 {SECRET}\nkey 2 {SECRET}2\nsign 2\nmode permissive\n");
        let keys =
            [(KeyId(1), key(SECRET).unwrap()), (KeyId(2), key("0123456789abcdef2").unwrap())];
        let ring = Keyring::new(AuthMode::Permissive, KeyId(2), keys).unwrap();
        assert_eq!(parse(&text).unwrap(), ring);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_line_and_never_by_the_secret() {
        assert_eq!(refused(""), "there is no key in it");
        assert!(refused("short").contains("too short"));
        let text = format!("key 1 {SECRET}\nkey 1 {SECRET}");
        assert_eq!(refused(&text), "line 2: there is a key 1 already");
        assert!(refused(&format!("key 1 {SECRET}\nsign 3")).contains("key 3 is to sign"));
        assert!(refused(&format!("key 1 {SECRET}\nmode on")).starts_with("line 2: a mode is"));
        let odd = refused(&format!("key 1 {SECRET} {SECRET}"));
        assert!(odd.starts_with("line 1 is none of") && !odd.contains(SECRET));
    }

    #[test]
    fn a_file_that_everybody_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys");
        fs::write(&file, SECRET).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o604)).unwrap();
        let error = read(&file).unwrap_err().to_string();
        assert!(error.contains("mode 604") && error.contains("chmod o="), "{error}");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read(&file).is_ok());
    }
}
