use super::*;

fn places(text: &str) -> Vec<(u32, u32, String)> {
    split(text)
        .into_iter()
        .map(|document| (document.number, document.first_line, document.text.trim().to_owned()))
        .collect()
}

#[test]
fn documents_are_numbered_and_keep_their_lines() {
    let text = "a: 1\n---\nb: 2\n--- # note\nc: 3\n";
    assert_eq!(
        places(text),
        [(1, 1, "a: 1".to_owned()), (2, 2, "b: 2".to_owned()), (3, 4, "# note\nc: 3".to_owned())]
    );
}

#[test]
fn empty_documents_and_comments_are_no_documents() {
    assert_eq!(places("# only a comment\n---\n\n---\n# more\n---\na: 1\n").len(), 1);
    assert!(places("").is_empty());
    assert!(places("---\n...\n---\n").is_empty());
}

#[test]
fn a_marker_inside_a_word_is_none() {
    assert_eq!(places("a: |\n  ---\n  text\n----: 1\n").len(), 1);
}

#[test]
fn content_behind_a_marker_keeps_its_column() {
    let documents = split("--- {a: 1}\n");
    assert_eq!(documents[0].text, "    {a: 1}\n");
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_passed_over() {
    assert_eq!(places("\u{feff}a: 1\r\n---\r\nb: 2\r\n").len(), 2);
}
