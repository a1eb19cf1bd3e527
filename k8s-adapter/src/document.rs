//! A file's text as its YAML documents.

/// One document of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    /// Its number within the file, from 1.
    pub(crate) number: u32,
    /// The line of the file on which its text begins, from 1.
    pub(crate) first_line: u32,
    /// Its text, with what stands before it on its first line blanked out, so that columns hold.
    pub(crate) text: String,
}

/// Splits a file at its document markers and leaves out what holds nothing but comments.
///
/// A line that begins with `---` or `...` ends a document wherever it stands, block scalars and
/// quoted strings included (YAML 1.2.2, 9.1.2), so that no parser is needed to find the places.
/// That way a document that cannot be parsed does not hide the ones after it.
pub(crate) fn split(text: &str) -> Vec<Document> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = Vec::new();
    let mut current = Document { number: 1, first_line: 1, text: String::new() };
    // Directives (`%YAML`) and comments ahead of the first marker are no document.
    for (line_number, line) in (1..).zip(text.split_inclusive('\n')) {
        if let Some(rest) = marker(line, "---") {
            finish(&mut documents, &mut current);
            current.first_line = line_number;
            current.text.push_str("   ");
            current.text.push_str(rest);
        } else if marker(line, "...").is_some() {
            finish(&mut documents, &mut current);
            current.first_line = line_number;
            current.text.push('\n');
        } else {
            current.text.push_str(line);
        }
    }
    finish(&mut documents, &mut current);
    documents
}

fn marker<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(mark)?;
    (rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n'])).then_some(rest)
}

fn finish(documents: &mut Vec<Document>, current: &mut Document) {
    let next = Document { number: current.number, first_line: 0, text: String::new() };
    let done = std::mem::replace(current, next);
    let holds_something = done.text.lines().any(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && !line.starts_with('%')
    });
    if holds_something {
        current.number += 1;
        documents.push(done);
    }
}

#[cfg(test)]
mod tests;
