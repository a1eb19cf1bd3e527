//! Where in a document each field stands.

use std::{collections::BTreeMap, fmt::Write as _, ops::Range};

use serde_saphyr::granit_parser::{Event, Parser, Span};

/// The line and column of every field of one object, by its path.
///
/// The typed structs carry no positions; whoever finds fault with a field names its path, and the
/// place is looked up here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Positions {
    fields: BTreeMap<String, Position>,
}

/// Where a field stands: its key, and its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    key: (u32, u32),
    value: (u32, u32),
}

/// A field path that ends with `key`: `spec.ports`, or `metadata.annotations["a.b/c"]` where the
/// key is no plain word.
pub(crate) fn join(path: &str, key: &str) -> String {
    let plain =
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    match (path.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{key:?}]"),
    }
}

/// A field path that ends with an index: `spec.ports[0]`.
pub(crate) fn index(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// Deeper than anything that Kubernetes has. Paths grow with the depth, and memory with both.
const MAX_DEPTH: usize = 64;

/// An open collection on the way down.
struct Level {
    path: String,
    /// For a mapping: the key that waits for its value. For a sequence: unused.
    key: Option<(String, (u32, u32))>,
    next: Option<usize>,
    start: usize,
    item: Option<usize>,
}

impl Positions {
    /// The positions within `text`, whose first line is line `first_line` of its file; and the byte
    /// ranges of the elements of the top-level list `items`. Stops at the first error.
    pub(crate) fn of(text: &str, first_line: u32) -> (Self, Vec<Range<usize>>) {
        let mut out = Self::default();
        let mut items = Vec::new();
        let mut levels: Vec<Level> = Vec::new();
        let mut parser = Parser::new_from_str(text);
        while let Some(Ok((event, span))) = parser.next_event() {
            if levels.len() > MAX_DEPTH {
                break;
            }
            let place = place(&span, first_line);
            match &event {
                Event::Scalar(text, ..) => {
                    if let Some(level) = levels.last_mut()
                        && level.next.is_none()
                        && level.key.is_none()
                    {
                        level.key = Some((text.to_string(), place));
                        continue;
                    }
                    out.enter(&mut levels, place);
                }
                Event::Alias(..) => {
                    out.enter(&mut levels, place);
                }
                Event::MappingStart(..) | Event::SequenceStart(..) => {
                    let item = match levels.last() {
                        Some(level) if level.path == "items" && levels.len() == 2 => level.next,
                        _ => None,
                    };
                    let path = out.enter(&mut levels, place);
                    let sequence = matches!(event, Event::SequenceStart(..));
                    levels.push(Level {
                        path,
                        key: None,
                        next: sequence.then_some(0),
                        start: span.start.byte_offset().unwrap_or(0),
                        item,
                    });
                }
                Event::MappingEnd | Event::SequenceEnd => {
                    if let Some(level) = levels.pop()
                        && level.item.is_some()
                    {
                        items.push(level.start..span.end.byte_offset().unwrap_or(level.start));
                    }
                }
                _ => {}
            }
        }
        (out, items)
    }

    /// Takes note of a value at `place` and says its path.
    fn enter(&mut self, levels: &mut [Level], place: (u32, u32)) -> String {
        let Some(level) = levels.last_mut() else {
            self.fields.insert(String::new(), Position { key: place, value: place });
            return String::new();
        };
        let (path, key) = match &mut level.next {
            Some(next) => {
                let path = index(&level.path, *next);
                *next += 1;
                (path, place)
            }
            None => match level.key.take() {
                Some((key, at)) => (join(&level.path, &key), at),
                // A key that is itself a collection; nothing of ours has one.
                None => (join(&level.path, "?"), place),
            },
        };
        self.fields.insert(path.clone(), Position { key, value: place });
        path
    }

    /// The line and column of a field's key; of the nearest field above it if it is not there.
    pub(crate) fn of_field(&self, path: &str) -> (u32, u32) {
        self.nearest(path).map_or((0, 0), |position| position.key)
    }

    /// The line and column of a field's value; of the nearest field above it if it is not there.
    pub(crate) fn of_value(&self, path: &str) -> (u32, u32) {
        self.nearest(path).map_or((0, 0), |position| position.value)
    }

    fn nearest(&self, path: &str) -> Option<Position> {
        let mut path = path;
        loop {
            if let Some(position) = self.fields.get(path) {
                return Some(*position);
            }
            if path.is_empty() {
                return None;
            }
            path = parent(path);
        }
    }

    /// The path of the field whose value stands at this place, or which surrounds it.
    pub(crate) fn field_at(&self, place: (u32, u32)) -> Option<&str> {
        let exact = self.fields.iter().filter(|(_, position)| position.value == place);
        let before = self.fields.iter().filter(|(_, position)| position.key <= place);
        // A mapping starts where its first key does: the outermost of equals is meant.
        exact
            .min_by_key(|(path, _)| path.len())
            .or_else(|| before.max_by_key(|(_, position)| position.key))
            .map(|(path, _)| path.as_str())
            .filter(|path| !path.is_empty())
    }
}

/// The path one step up: `a.b[0]` to `a.b` to `a` to nothing.
pub(crate) fn parent(path: &str) -> &str {
    if path.ends_with("\"]")
        && let Some(open) = path.rfind("[\"")
    {
        return &path[..open];
    }
    match path.rfind(['.', '[']) {
        Some(cut) => &path[..cut],
        None => "",
    }
}

fn place(span: &Span, first_line: u32) -> (u32, u32) {
    let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let line = narrow(span.start.line()).saturating_sub(1).saturating_add(first_line);
    (line, narrow(span.start.col()).saturating_add(1))
}

/// The path in the words of [`join`] and [`index`].
pub(crate) fn from_ignored(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index: at } => index(&from_ignored(parent), *at),
        Path::Map { parent, key } => join(&from_ignored(parent), key),
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => from_ignored(parent),
    }
}

/// The path with every index taken out: `spec.ports[0].port` as `spec.ports[].port`.
pub(crate) fn without_indices(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(open) = rest.find('[') {
        let (head, tail) = rest.split_at(open);
        out.push_str(head);
        let close = tail.find(']').map_or(tail.len(), |close| close + 1);
        let (inside, after) = tail.split_at(close);
        if inside.starts_with("[\"") {
            out.push_str(inside);
        } else {
            let _ = out.write_str("[]");
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests;
