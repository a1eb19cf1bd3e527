//! Every test that `docs/rfc-coverage.md` names exists, and every demand has a test or a reason.

use std::{collections::BTreeMap, fs, path::Path};

/// What is wrong with the page; `read` tells the source of a file of tests. And how many tests it names.
fn faults(page: &str, read: impl Fn(&str) -> String) -> (Vec<String>, usize) {
    let mut sources = BTreeMap::new();
    let (mut faults, mut named) = (Vec::new(), 0);
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.contains("| demand |")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let answered = |shown: &str| shown.contains("::") || shown.contains(' ');
        if !matches!(cells[..], ["", _, _, shown, ""] if answered(shown)) {
            faults.push(format!("neither a test nor a reason: {row}"));
        }
        // Between backquotes: every second part.
        for name in row.split('`').skip(1).step_by(2).filter(|part| part.contains("::")) {
            let Some((file, test)) = name.split_once("::") else { continue };
            named += 1;
            let source = sources.entry(file.to_owned()).or_insert_with(|| read(file));
            let exists = source.contains(&format!("fn {test}("))
                || source.contains(&format!("Trial::test(\"{test}\""));
            if !exists {
                faults.push(format!("{name} does not exist"));
            }
        }
    }
    (faults, named)
}

#[test]
fn every_demand_has_a_test_that_exists_or_a_reason() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(here.join("../docs/rfc-coverage.md")).expect("the page");
    let read =
        |file: &str| fs::read_to_string(here.join(format!("tests/{file}.rs"))).unwrap_or_default();
    let (faults, named) = faults(&page, read);
    assert!(faults.is_empty(), "docs/rfc-coverage.md: {}", faults.join("; "));
    assert!(named > 80, "only {named} tests are named");
}

#[test]
fn what_is_missing_on_the_page_is_noticed() {
    let read = |file: &str| match file {
        "peer" => "fn a_test_that_exists() {}".to_owned(),
        _ => String::new(),
    };
    let page = "| § | demand | shown by |\n|---|---|---|\n\
        | 1 | one thing | `peer::a_test_that_exists` |\n| 2 | another | for a good reason |\n";
    assert_eq!(faults(page, read), (vec![], 1));
    for row in [
        "| 3 | a third | `peer::a_test_that_does_not_exist` |",
        "| 3 | a third | `nowhere::a_test_that_exists` |",
        "| 3 | a third |  |",
        "| 3 | a third | – |",
    ] {
        let page = format!("{page}{row}\n");
        assert_eq!(faults(&page, read).0.len(), 1, "{row}");
    }
}
