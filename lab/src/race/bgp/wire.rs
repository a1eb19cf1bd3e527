//! As much of BGP as the raw ends need (RFC 4271 §4): IPv4 /32s, four-octet AS numbers.

use std::{io, io::Read, net::Ipv4Addr, net::TcpStream};

const MARKER: [u8; 16] = [0xff; 16];
/// The longest message without RFC 8654.
const LONGEST: usize = 4096;

pub(super) const OPEN: u8 = 1;
pub(super) const UPDATE: u8 = 2;
pub(super) const KEEPALIVE: u8 = 4;

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).unwrap_or(u16::MAX);
    [&MARKER[..], &length.to_be_bytes(), &[kind], body].concat()
}

/// An OPEN that offers IPv4 unicast and four-octet AS numbers.
pub(super) fn open(asn: u16, id: Ipv4Addr) -> Vec<u8> {
    let [high, low] = asn.to_be_bytes();
    let [a, b, c, d] = id.octets();
    let capabilities = [1, 4, 0, 1, 0, 1, 65, 4, 0, 0, high, low];
    let head = [4, high, low, 0, 240, a, b, c, d, 14, 2, 12];
    message(OPEN, &[&head[..], &capabilities].concat())
}

pub(super) fn keepalive() -> Vec<u8> {
    message(KEEPALIVE, &[])
}

/// The prefix of that number.
pub(super) fn prefix(number: u32) -> u32 {
    0x0A00_0000 + number
}

/// UPDATEs with all prefixes, packed as tightly as they can be, and an End-of-RIB.
pub(super) fn packed(routes: u32, asn: u16, next_hop: Ipv4Addr) -> Vec<u8> {
    let [high, low] = asn.to_be_bytes();
    let [a, b, c, d] = next_hop.octets();
    let origin = [0x40, 1, 1, 0];
    let path = [0x40, 2, 6, 2, 1, 0, 0, high, low];
    let hop = [0x40, 3, 4, a, b, c, d];
    let attributes = [&origin[..], &path, &hop].concat();
    let head = [&[0, 0, 0, attributes.len() as u8][..], &attributes].concat();
    let fit = (LONGEST - 19 - head.len()) / 5;
    let all: Vec<u32> = (0..routes).map(prefix).collect();
    let mut bytes = Vec::new();
    for some in all.chunks(fit) {
        let nlri = some.iter().flat_map(|host| [&[32][..], &host.to_be_bytes()].concat());
        let body: Vec<u8> = head.iter().copied().chain(nlri).collect();
        bytes.extend(message(UPDATE, &body));
    }
    bytes.extend(message(UPDATE, &[0, 0, 0, 0]));
    bytes
}

/// Reads one message.
pub(super) fn read(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let mut header = [0; 19];
    stream.read_exact(&mut header)?;
    let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
    let mut body = vec![0; length.saturating_sub(19)];
    stream.read_exact(&mut body)?;
    Ok((header[18], body))
}

/// Counts the prefixes of IPv4 in the UPDATEs of a stream, message by message.
#[derive(Debug, Default)]
pub(super) struct Counter {
    /// Where the next message begins.
    next: usize,
    pub(super) prefixes: u32,
    pub(super) updates: u32,
}

impl Counter {
    /// Looks at what has come since. `stream` is all of it, from its beginning.
    pub(super) fn look(&mut self, stream: &[u8]) {
        while let Some((kind, body)) = next_message(stream, &mut self.next) {
            if kind == UPDATE {
                self.updates += 1;
                self.prefixes += nlri(body).len() as u32 / 5;
            }
        }
    }
}

fn next_message<'a>(stream: &'a [u8], at: &mut usize) -> Option<(u8, &'a [u8])> {
    let rest = stream.get(*at..)?;
    let length = usize::from(u16::from_be_bytes([*rest.get(16)?, *rest.get(17)?])).max(19);
    let whole = rest.get(..length)?;
    *at += length;
    Some((whole[18], &whole[19..]))
}

/// The announced prefixes in the body of an UPDATE; none where it withdraws.
fn nlri(body: &[u8]) -> &[u8] {
    match body {
        [0, 0, high, low, rest @ ..] => {
            rest.get(usize::from(u16::from_be_bytes([*high, *low]))..).unwrap_or_default()
        }
        _ => &[],
    }
}

/// All /32s in a stream, sorted.
pub(super) fn hosts(stream: &[u8]) -> Vec<u32> {
    let (mut at, mut hosts) = (0, Vec::new());
    while let Some((kind, body)) = next_message(stream, &mut at) {
        let fields = if kind == UPDATE { nlri(body) } else { &[] };
        hosts.extend(fields.chunks_exact(5).map(|field| {
            assert_eq!(field[0], 32, "a prefix that was not to come");
            u32::from_be_bytes([field[1], field[2], field[3], field[4]])
        }));
    }
    hosts.sort_unstable();
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_found_again() {
        let bytes = packed(2_000, 65001, Ipv4Addr::LOCALHOST);
        let mut counter = Counter::default();
        // In pieces, as it is read.
        counter.look(&bytes[..5_000]);
        counter.look(&bytes);
        assert_eq!((counter.prefixes, counter.updates), (2_000, 4));
        assert_eq!(hosts(&bytes), (0..2_000).map(prefix).collect::<Vec<_>>());
    }
}
