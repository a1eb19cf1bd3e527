use super::*;

fn finished(ok: bool, output: &str) -> Finished {
    Finished { ok, output: output.to_owned() }
}

#[test]
fn closing_lines_are_added_up() {
    let output = "\
running 3 tests
test a ... ok
test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s

test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s
";
    let expected = Tally { passed: 13, failed: 2, ignored: 1, needs_root: 0 };
    assert_eq!(Tally::read(output), Some(expected));
}

#[test]
fn tests_that_need_root_are_counted_apart() {
    let output = "needs root: 4\n\ntest result: ok. 6 passed; 0 failed; 4 ignored; 0 measured; 0 filtered out\n";
    let expected = Tally { passed: 6, needs_root: 4, ..Tally::default() };
    assert_eq!(Tally::read(output), Some(expected));
}

#[test]
fn lines_that_only_quote_the_closing_line_do_not_count() {
    assert_eq!(Tally::read("  test result: ok. 3 passed\nthe test result: ok. 3 passed\n"), None);
}

#[test]
fn a_program_that_counts_nothing_has_failed() {
    assert_eq!(
        Tally::of(&finished(true, "all is well\n")),
        Tally { failed: 1, ..Tally::default() }
    );
}

#[test]
fn a_program_that_dies_has_failed_even_if_its_tests_passed() {
    let output = "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
    let expected = Tally { passed: 2, failed: 1, ..Tally::default() };
    assert_eq!(Tally::of(&finished(false, output)), expected);
}

#[test]
fn a_failed_test_is_not_counted_twice() {
    let output = "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n";
    let expected = Tally { passed: 2, failed: 1, ..Tally::default() };
    assert_eq!(Tally::of(&finished(false, output)), expected);
}
