use alloc::vec::Vec;

use super::{
    HEADER_LEN, HeaderError, MAX_EXTENDED_MESSAGE_LEN, MAX_MESSAGE_LEN, MessageType, reader::Reader,
};

/// One whole message, its header checked.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    kind: MessageType,
    bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The type in the header.
    #[must_use]
    pub const fn kind(&self) -> MessageType {
        self.kind
    }

    /// What follows the header.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }

    /// The whole message, header included.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Checks the header of exactly one message.
    ///
    /// # Errors
    /// As [`Framer::next`]; a length that is not that of `bytes` is [`HeaderError::BadLength`].
    pub fn new(bytes: &'a [u8], extended: bool) -> Result<Self, HeaderError> {
        let Some((length, kind)) = check_header(bytes, extended)? else {
            let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
            return Err(HeaderError::BadLength(len));
        };
        if usize::from(length) == bytes.len() {
            Ok(Self { kind, bytes })
        } else {
            Err(HeaderError::BadLength(length))
        }
    }
}

/// Cuts a stream of octets into messages.
///
/// A message that lies whole in the input is handed out where it lies; only one that arrives in
/// pieces is copied. So it holds less than one message, whatever the peer sends.
#[derive(Clone, Debug, Default)]
pub struct Framer {
    partial: Vec<u8>,
    /// `partial` was handed out whole, and is to be emptied.
    complete: bool,
    extended: bool,
}

impl Framer {
    /// A framer for messages up to 4096 octets.
    #[must_use]
    pub const fn new() -> Self {
        Self { partial: Vec::new(), complete: false, extended: false }
    }

    /// Admits messages up to 65535 octets, from here on: we advertised RFC 8654.
    pub fn set_extended(&mut self, extended: bool) {
        self.extended = extended;
    }

    /// How many octets of an unfinished message are kept.
    #[must_use]
    pub fn buffered(&self) -> usize {
        if self.complete { 0 } else { self.partial.len() }
    }

    /// The next message, taken off the front of `input`; `None` when more input is needed, and then
    /// `input` is empty.
    ///
    /// # Errors
    /// The header is wrong. The stream is lost: there is no next message.
    pub fn next<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
    ) -> Option<Result<Frame<'s>, HeaderError>> {
        if self.complete {
            self.partial.clear();
            self.complete = false;
        }
        if self.partial.is_empty() {
            match check_header(input, self.extended) {
                Err(error) => return Some(Err(error)),
                Ok(Some((length, kind))) => {
                    if let Some((bytes, rest)) = input.split_at_checked(usize::from(length)) {
                        *input = rest;
                        return Some(Ok(Frame { kind, bytes }));
                    }
                }
                Ok(None) => {}
            }
        }
        self.fill(HEADER_LEN, input);
        let (length, kind) = match check_header(&self.partial, self.extended) {
            Err(error) => return Some(Err(error)),
            Ok(None) => return None,
            Ok(Some(header)) => header,
        };
        if !self.fill(usize::from(length), input) {
            return None;
        }
        self.complete = true;
        Some(Ok(Frame { kind, bytes: &self.partial }))
    }

    /// Whether `partial` has reached `len`.
    fn fill(&mut self, len: usize, input: &mut &[u8]) -> bool {
        let wanted = len.saturating_sub(self.partial.len()).min(input.len());
        if let Some((head, tail)) = input.split_at_checked(wanted) {
            self.partial.extend_from_slice(head);
            *input = tail;
        }
        self.partial.len() >= len
    }
}

/// RFC 4271 §6.1. `None`: the header is not complete, and not yet wrong.
fn check_header(bytes: &[u8], extended: bool) -> Result<Option<(u16, MessageType)>, HeaderError> {
    let mut reader = Reader::new(bytes);
    let Some(marker) = reader.array::<16>() else {
        return if bytes.iter().all(|&byte| byte == 0xFF) {
            Ok(None)
        } else {
            Err(HeaderError::NotSynchronized)
        };
    };
    if marker != [0xFF; 16] {
        return Err(HeaderError::NotSynchronized);
    }
    let (Some(length), Some(kind)) = (reader.u16(), reader.u8()) else {
        return Ok(None);
    };
    let kind = MessageType(kind);
    let longest = if extended && kind != MessageType::OPEN && kind != MessageType::KEEPALIVE {
        MAX_EXTENDED_MESSAGE_LEN
    } else {
        MAX_MESSAGE_LEN
    };
    let allowed = match kind {
        MessageType::OPEN => 29..=longest,
        MessageType::UPDATE => 23..=longest,
        MessageType::NOTIFICATION => 21..=longest,
        MessageType::KEEPALIVE => HEADER_LEN..=HEADER_LEN,
        // A wrong length of this one has a NOTIFICATION of its own (RFC 7313 §5).
        MessageType::ROUTE_REFRESH => HEADER_LEN..=longest,
        // A length that is wrong for any type is reported first.
        _ if !(HEADER_LEN..=longest).contains(&usize::from(length)) => {
            return Err(HeaderError::BadLength(length));
        }
        _ => return Err(HeaderError::BadType(kind.0)),
    };
    if allowed.contains(&usize::from(length)) {
        Ok(Some((length, kind)))
    } else {
        Err(HeaderError::BadLength(length))
    }
}
