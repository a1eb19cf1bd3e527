use alloc::vec::Vec;
use core::fmt;

use super::{
    CeaseSubcode, ErrorCode, FsmSubcode, HeaderSubcode, MAX_MESSAGE_LEN, MessageType, OpenSubcode,
    RefreshSubcode, UpdateSubcode, message::put_header, reader::Reader,
};

/// The last message of a connection: why it is closed (RFC 4271 §4.5).
#[derive(Clone, PartialEq, Eq)]
pub struct Notification {
    /// The error code.
    pub code: ErrorCode,
    /// The subcode, in the registry of the code; 0 is unspecific.
    pub subcode: u8,
    /// Diagnostic octets, as the code defines them.
    pub data: Vec<u8>,
}

/// The longest text that every peer takes (RFC 9003 §2); octets.
const MAX_TEXT: usize = 128;

impl Notification {
    /// A NOTIFICATION; `data` beyond what fits in 4096 octets is cut.
    #[must_use]
    pub fn new(code: ErrorCode, subcode: u8, data: &[u8]) -> Self {
        let fits = data.len().min(MAX_MESSAGE_LEN - 21);
        Self { code, subcode, data: data.get(..fits).unwrap_or_default().to_vec() }
    }

    /// A Cease without data (RFC 4486).
    #[must_use]
    pub fn cease(subcode: CeaseSubcode) -> Self {
        Self::new(ErrorCode::CEASE, subcode.0, &[])
    }

    /// A Cease with a text for the peer's operator (RFC 9003). Only for Administrative Shutdown and
    /// Administrative Reset; the text is cut at 128 octets, between two characters.
    #[must_use]
    pub fn shutdown(subcode: CeaseSubcode, text: &str) -> Self {
        let mut end = text.len().min(MAX_TEXT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = text.get(..end).unwrap_or_default();
        let mut data = Vec::with_capacity(text.len() + 1);
        data.push(u8::try_from(text.len()).unwrap_or_default());
        data.extend_from_slice(text.as_bytes());
        Self::new(ErrorCode::CEASE, subcode.0, &data)
    }

    /// An FSM error: a message that the state does not expect (RFC 6608).
    #[must_use]
    pub fn unexpected(subcode: FsmSubcode, message: MessageType) -> Self {
        Self::new(ErrorCode::FSM, subcode.0, &[message.0])
    }

    /// The same, as a Hard Reset: the peer keeps no stale routes (RFC 8538 §3.1).
    #[must_use]
    pub fn into_hard_reset(self) -> Self {
        let mut data = Vec::with_capacity(self.data.len() + 2);
        data.extend_from_slice(&[self.code.0, self.subcode]);
        data.extend_from_slice(&self.data);
        Self::new(ErrorCode::CEASE, CeaseSubcode::HARD_RESET.0, &data)
    }

    /// Whether it is a Cease with subcode Hard Reset.
    #[must_use]
    pub fn is_hard_reset(&self) -> bool {
        self.code == ErrorCode::CEASE && self.subcode == CeaseSubcode::HARD_RESET.0
    }

    /// What a Hard Reset was sent for (RFC 8538 §3.1).
    #[must_use]
    pub fn hard_reset_reason(&self) -> Option<Self> {
        let mut reader = Reader::new(&self.data);
        match (self.is_hard_reset(), reader.u8(), reader.u8()) {
            (true, Some(code), Some(subcode)) => {
                Some(Self::new(ErrorCode(code), subcode, reader.rest()))
            }
            _ => None,
        }
    }

    /// The text of an Administrative Shutdown or Reset (RFC 9003); `None` where there is none, or it
    /// is not UTF-8.
    #[must_use]
    pub fn shutdown_text(&self) -> Option<&str> {
        let carries_text = self.code == ErrorCode::CEASE
            && (self.subcode == CeaseSubcode::ADMINISTRATIVE_SHUTDOWN.0
                || self.subcode == CeaseSubcode::ADMINISTRATIVE_RESET.0);
        if !carries_text {
            return None;
        }
        let mut reader = Reader::new(&self.data);
        let len = reader.u8()?;
        let text = reader.take(usize::from(len))?;
        core::str::from_utf8(text).ok()
    }

    /// The subcode's registered name.
    #[must_use]
    pub const fn subcode_name(&self) -> Option<&'static str> {
        match self.code {
            ErrorCode::HEADER => HeaderSubcode(self.subcode).name(),
            ErrorCode::OPEN => OpenSubcode(self.subcode).name(),
            ErrorCode::UPDATE => UpdateSubcode(self.subcode).name(),
            ErrorCode::FSM => FsmSubcode(self.subcode).name(),
            ErrorCode::CEASE => CeaseSubcode(self.subcode).name(),
            ErrorCode::ROUTE_REFRESH => RefreshSubcode(self.subcode).name(),
            _ => None,
        }
    }

    /// Reads what follows the header.
    pub(crate) fn decode(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        Some(Self {
            code: ErrorCode(reader.u8()?),
            subcode: reader.u8()?,
            data: reader.rest().to_vec(),
        })
    }

    /// Appends the message, cut at 4096 octets: the peer may not take longer ones.
    pub fn encode(&self, buf: &mut Vec<u8>) {
        let fits = self.data.len().min(MAX_MESSAGE_LEN - 21);
        put_header(buf, MessageType::NOTIFICATION, 2 + fits);
        buf.extend_from_slice(&[self.code.0, self.subcode]);
        buf.extend_from_slice(self.data.get(..fits).unwrap_or_default());
    }
}

impl fmt::Display for Notification {
    /// `Cease/Administrative Shutdown (6/2): "text"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        match self.subcode_name() {
            Some(name) => write!(f, "/{name}")?,
            None if self.subcode != 0 => write!(f, "/subcode {}", self.subcode)?,
            None => {}
        }
        write!(f, " ({}/{})", self.code.0, self.subcode)?;
        if let Some(text) = self.shutdown_text() {
            write!(f, ": {text:?}")?;
        }
        if let Some(reason) = self.hard_reset_reason() {
            write!(f, ": {reason}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notification({}/{}, {:02x?})", self.code.0, self.subcode, self.data)
    }
}
