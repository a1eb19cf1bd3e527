//! Fetching a page, as a client of a service does.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    time::Duration,
};

use crate::{
    error::{LabError, Result},
    host::Host,
};

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The status, as 200.
    pub status: u16,
    /// The body; what is no UTF-8 is replaced.
    pub body: String,
}

impl Host {
    /// Fetches a page by HTTP from inside this machine, waiting 5 s at most for each step.
    ///
    /// The URL names an address, since a lab has no DNS: `http://10.0.0.1/`,
    /// `http://[fd00::1]:8080/path`.
    ///
    /// # Errors
    /// A URL of another form, no connection, or an answer that is no HTTP or not whole.
    pub fn fetch(&self, url: &str) -> Result<Page> {
        self.fetch_within(url, Duration::from_secs(5))
    }

    /// As [`fetch`](Self::fetch), with another limit for each step: connect, write, read.
    pub fn fetch_within(&self, url: &str, limit: Duration) -> Result<Page> {
        let (address, path) = parse(url)?;
        let answer = self.run(move || exchange(address, &path, limit))?;
        let action = format!("fetch {url} from {}", self.name());
        page(url, &answer.map_err(LabError::io(action))?)
    }
}

fn parse(url: &str) -> Result<(SocketAddr, String)> {
    let bad = || LabError::Unparsable {
        text: url.to_owned(),
        wanted: "a URL like http://10.0.0.1/ or http://[fd00::1]:8080/path",
    };
    let rest = url.strip_prefix("http://").ok_or_else(bad)?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let bare = authority.trim_start_matches('[').trim_end_matches(']');
    let address = match (authority.parse(), bare.parse::<IpAddr>()) {
        (Ok(address), _) => address,
        (Err(_), Ok(address)) => SocketAddr::new(address, 80),
        _ => return Err(bad()),
    };
    Ok((address, format!("/{path}")))
}

fn exchange(address: SocketAddr, path: &str, limit: Duration) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// Splits an answer that ends with its connection into status and body.
fn page(url: &str, answer: &[u8]) -> Result<Page> {
    let bad = |why: &str| LabError::Http { url: url.to_owned(), why: why.to_owned() };
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.ok_or_else(|| bad("its head has no end"))?);
    let (head, body) = (String::from_utf8_lossy(head), body.get(4..).unwrap_or_default());
    let status = head.split_ascii_whitespace().nth(1).and_then(|status| status.parse().ok());
    let status = status.filter(|_| head.starts_with("HTTP/1."));
    let status = status.ok_or_else(|| bad("it has no status line"))?;
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, value)| value.trim().parse::<usize>().ok());
    if let Some(length) = length.filter(|length| body.len() < *length) {
        return Err(bad(&format!("its body ends after {} of {length} bytes", body.len())));
    }
    Ok(Page { status, body: String::from_utf8_lossy(body).into_owned() })
}

#[cfg(test)]
mod tests;
