//! Every test that `docs/api-server.md` names exists.

use std::{fs, path::Path};

/// The names in a page that say where no such test is, and how many it names. `read` tells the source of
/// a file.
fn missing(page: &str, read: impl Fn(&str) -> String) -> (Vec<String>, usize) {
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |"));
    let (mut missing, mut named) = (Vec::new(), 0);
    for row in rows {
        // Between backquotes: every second part.
        let names = row.split('`').skip(1).step_by(2).filter_map(|part| part.split_once("::"));
        let before = named;
        for (file, test) in names {
            named += 1;
            if !read(file).contains(&format!("fn {test}(")) {
                missing.push(format!("{file}::{test}"));
            }
        }
        if named == before {
            missing.push(format!("no test: {row}"));
        }
    }
    (missing, named)
}

#[test]
fn every_test_that_the_page_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/api-server.md")).expect("the page");
    let read = |file: &str| {
        let near = format!("k8s-adapter/src/cluster/tests/{file}.rs");
        let path = if file.contains('/') { format!("{file}.rs") } else { near };
        fs::read_to_string(root.join(path)).unwrap_or_default()
    };
    let (missing, named) = missing(&page, read);
    assert!(missing.is_empty(), "docs/api-server.md: {}", missing.join("; "));
    assert!(named >= 25, "only {named} tests are named");
}

#[test]
fn what_is_missing_on_a_page_is_noticed() {
    let read = |file: &str| match file {
        "follow" => "async fn a_test_that_exists() {}".to_owned(),
        _ => String::new(),
    };
    let page =
        "| | what | shown by |\n|---|---|---|\n| 1 | a thing | `follow::a_test_that_exists` |\n";
    assert_eq!(missing(page, read), (vec![], 1));
    for row in
        ["| 2 | x | `follow::a_test` |", "| 2 | x | `faults::a_test_that_exists` |", "| 2 | x |"]
    {
        assert_eq!(missing(&format!("{page}{row}\n"), read).0.len(), 1, "{row}");
    }
}
