use alloc::vec::Vec;

use super::{
    Capability, CapabilityCode, EncodeError, HEADER_LEN, MAX_MESSAGE_LEN, MessageType, OpenError,
    message::put_header, reader::Reader,
};
use crate::{Asn, RouterId};

/// The first message: who one is, and what one can do (RFC 4271 §4.2).
///
/// ```text
///  version (1) | my AS (2) | hold time (2) | BGP identifier (4) | parameters' length (1) | parameters
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The sender's AS: the four-octet one where the sender names it (RFC 6793).
    pub asn: Asn,
    /// Seconds without a message after which the sender gives up; 0 for never, else at least 3.
    pub hold_time: u16,
    /// The sender's identifier.
    pub router_id: RouterId,
    /// What the sender can do, in its order, [`Capability::FourOctetAs`] included.
    pub capabilities: Vec<Capability>,
}

/// The optional parameter that holds capabilities (RFC 5492 §4).
const CAPABILITIES: u8 = 2;
/// In the place of the parameters' length or type: RFC 9072's long form follows.
const EXTENDED: u8 = 255;

impl Open {
    /// Reads what follows the header.
    pub(crate) fn decode(body: &[u8]) -> Result<Self, OpenError> {
        let mut reader = Reader::new(body);
        let version = reader.u8().ok_or(OpenError::Malformed)?;
        if version != 4 {
            return Err(OpenError::UnsupportedVersion(version));
        }
        let (Some(my_as), Some(hold_time), Some(id), Some(len)) =
            (reader.u16(), reader.u16(), reader.u32(), reader.u8())
        else {
            return Err(OpenError::Malformed);
        };
        let capabilities = parameters(len, reader)?;

        let mut asn = Asn(u32::from(my_as));
        for capability in &capabilities {
            match capability {
                Capability::FourOctetAs(four_octets) => asn = *four_octets,
                Capability::Other { code, .. } if *code == CapabilityCode::FOUR_OCTET_AS => {
                    return Err(OpenError::Malformed);
                }
                _ => {}
            }
        }
        // RFC 7607 §2.
        if asn == Asn::ZERO || my_as == 0 {
            return Err(OpenError::BadPeerAs(Asn::ZERO));
        }
        let router_id = RouterId::new(id).ok_or(OpenError::BadIdentifier)?;
        if matches!(hold_time, 1 | 2) {
            return Err(OpenError::UnacceptableHoldTime(hold_time));
        }
        Ok(Self { asn, hold_time, router_id, capabilities })
    }

    /// Appends the message: one parameter with all capabilities, in the long form of RFC 9072 where
    /// the short one does not hold them.
    ///
    /// # Errors
    /// The capabilities do not fit into 4096 octets, or one has more than 255. Nothing is appended.
    pub fn encode(&self, buf: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut capabilities = Vec::new();
        for capability in &self.capabilities {
            capability.encode(&mut capabilities)?;
        }
        let len = capabilities.len();
        let head: &[u8] = if len == 0 {
            &[0]
        } else if let Ok(short) = u8::try_from(len + 2)
            && short != EXTENDED
        {
            &[short, CAPABILITIES, short - 2]
        } else {
            let long = u16::try_from(len + 3).map_err(|_| EncodeError::TooLong)?;
            let [all_hi, all_lo] = long.to_be_bytes();
            let [one_hi, one_lo] = (long - 3).to_be_bytes();
            &[EXTENDED, EXTENDED, all_hi, all_lo, CAPABILITIES, one_hi, one_lo]
        };
        let body_len = 9 + head.len() + len;
        if HEADER_LEN + body_len > MAX_MESSAGE_LEN {
            return Err(EncodeError::TooLong);
        }
        put_header(buf, MessageType::OPEN, body_len);
        buf.push(4);
        buf.extend_from_slice(&self.asn.to_two_octets().to_be_bytes());
        buf.extend_from_slice(&self.hold_time.to_be_bytes());
        buf.extend_from_slice(&self.router_id.to_bits().to_be_bytes());
        buf.extend_from_slice(head);
        buf.extend_from_slice(&capabilities);
        Ok(())
    }
}

/// The optional parameters, which are capabilities or an error. `len` is the octet before them.
fn parameters(len: u8, mut reader: Reader<'_>) -> Result<Vec<Capability>, OpenError> {
    // RFC 9072 §2: the type octet decides, the length octet before it need not be 255.
    let long = len != 0 && reader.rest().first() == Some(&EXTENDED);
    let len = if long {
        reader.u8();
        usize::from(reader.u16().ok_or(OpenError::Malformed)?)
    } else {
        usize::from(len)
    };
    if len != reader.rest().len() {
        return Err(OpenError::Malformed);
    }
    let mut capabilities = Vec::new();
    while !reader.is_empty() {
        let kind = reader.u8().ok_or(OpenError::Malformed)?;
        let len = if long { reader.u16().map(usize::from) } else { reader.u8().map(usize::from) };
        let value = len.and_then(|len| reader.take(len)).ok_or(OpenError::Malformed)?;
        if kind != CAPABILITIES {
            return Err(OpenError::UnsupportedParameter(kind));
        }
        let mut value = Reader::new(value);
        while !value.is_empty() {
            let (Some(code), Some(len)) = (value.u8(), value.u8()) else {
                return Err(OpenError::Malformed);
            };
            let octets = value.take(usize::from(len)).ok_or(OpenError::Malformed)?;
            capabilities.push(Capability::decode(CapabilityCode(code), octets));
        }
    }
    Ok(capabilities)
}
