use alloc::vec::Vec;

use super::{
    DecodeContext, Frame, HEADER_LEN, HeaderError, MessageError, MessageType, Notification, Open,
    RouteRefresh, Update,
};

/// A message as received: owned, except that an UPDATE borrows the frame.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Message<'a> {
    /// The first message of a connection.
    Open(Open),
    /// Routes, with the verdict on them.
    Update(Update<'a>),
    /// The last message of a connection.
    Notification(Notification),
    /// A sign of life.
    Keepalive,
    /// A request for routes, or a bracket around the answer.
    RouteRefresh(RouteRefresh),
}

impl<'a> Message<'a> {
    /// Reads one frame in the light of what the session agreed on.
    ///
    /// # Errors
    /// The message is to be answered with [`MessageError::notification`], and the connection closed.
    pub fn decode(frame: &Frame<'a>, context: &'a DecodeContext) -> Result<Self, MessageError> {
        let body = frame.body();
        let bad_length = || {
            let len = u16::try_from(frame.bytes().len()).unwrap_or(u16::MAX);
            MessageError::Header(HeaderError::BadLength(len))
        };
        match frame.kind() {
            MessageType::OPEN => Ok(Self::Open(Open::decode(body)?)),
            MessageType::UPDATE => Ok(Self::Update(Update::decode(body, context))),
            MessageType::NOTIFICATION => {
                Notification::decode(body).map(Self::Notification).ok_or_else(bad_length)
            }
            MessageType::KEEPALIVE => Ok(Self::Keepalive),
            MessageType::ROUTE_REFRESH => RouteRefresh::decode(body)
                .map(Self::RouteRefresh)
                .ok_or_else(|| MessageError::RefreshLength(frame.bytes().to_vec())),
            MessageType(kind) => Err(HeaderError::BadType(kind).into()),
        }
    }

    /// The type in the header.
    #[must_use]
    pub const fn kind(&self) -> MessageType {
        match self {
            Self::Open(_) => MessageType::OPEN,
            Self::Update(_) => MessageType::UPDATE,
            Self::Notification(_) => MessageType::NOTIFICATION,
            Self::Keepalive => MessageType::KEEPALIVE,
            Self::RouteRefresh(_) => MessageType::ROUTE_REFRESH,
        }
    }
}

/// Appends a KEEPALIVE: a bare header (RFC 4271 §4.4).
pub fn encode_keepalive(buf: &mut Vec<u8>) {
    put_header(buf, MessageType::KEEPALIVE, 0);
}

/// Appends a header for a body of `body_len` octets. Callers keep bodies within their maximum.
pub(crate) fn put_header(buf: &mut Vec<u8>, kind: MessageType, body_len: usize) {
    let length = u16::try_from(HEADER_LEN + body_len).unwrap_or(u16::MAX);
    buf.extend_from_slice(&[0xFF; 16]);
    buf.extend_from_slice(&length.to_be_bytes());
    buf.push(kind.0);
}
