//! Every test that `docs/rfc-coverage.md` names exists.

use std::{collections::BTreeMap, fs, path::Path};

#[test]
fn the_tests_that_show_coverage_exist() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(here.join("../docs/rfc-coverage.md")).expect("the page");
    let mut sources = BTreeMap::new();
    let mut named = 0;
    // Between backquotes: every second part.
    for name in page.split('`').skip(1).step_by(2).filter(|part| part.contains("::")) {
        let (file, test) = name.split_once("::").expect("it contains it");
        if test == "NAME" || test == "…" {
            continue;
        }
        named += 1;
        let source = sources.entry(file.to_owned()).or_insert_with(|| {
            fs::read_to_string(here.join(format!("tests/{file}.rs"))).unwrap_or_default()
        });
        let exists = source.contains(&format!("fn {test}("))
            || source.contains(&format!("Trial::test(\"{test}\""));
        assert!(exists, "docs/rfc-coverage.md names {name}, which does not exist");
    }
    assert!(named > 80, "only {named} tests are named");
}
