use alloc::vec::Vec;

use super::{Afi, Family, MessageType, RefreshSubtype, Safi, message::put_header, reader::Reader};

/// ROUTE-REFRESH: send me that family again, or the brackets of the answer (RFC 2918, RFC 7313).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRefresh {
    /// Which routes.
    pub family: Family,
    /// A request, or the beginning or end of the answer.
    pub subtype: RefreshSubtype,
}

impl RouteRefresh {
    /// Reads what follows the header; `None` for a wrong length.
    ///
    /// A request may be longer than four octets: it carries filters (RFC 5291), which are ignored.
    pub(crate) fn decode(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let afi = Afi(reader.u16()?);
        let subtype = RefreshSubtype(reader.u8()?);
        let safi = Safi(reader.u8()?);
        let bracket = subtype == RefreshSubtype::BEGIN || subtype == RefreshSubtype::END;
        if bracket && !reader.is_empty() {
            return None;
        }
        Some(Self { family: Family::new(afi, safi), subtype })
    }

    /// Appends the message: 23 octets.
    pub fn encode(&self, buf: &mut Vec<u8>) {
        put_header(buf, MessageType::ROUTE_REFRESH, 4);
        buf.extend_from_slice(&self.family.afi.0.to_be_bytes());
        buf.extend_from_slice(&[self.subtype.0, self.family.safi.0]);
    }
}
