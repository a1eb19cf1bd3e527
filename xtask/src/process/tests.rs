use super::*;

const LONG: Duration = Duration::from_secs(60);

fn shell(script: &str, limit: Duration) -> Finished {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    run(&mut Progress::start("a test"), command, limit).expect("sh starts")
}

#[test]
fn both_streams_are_kept_in_the_order_of_writing() {
    let finished = shell("echo one; echo two >&2; echo three", LONG);
    assert!(finished.ok);
    assert_eq!(finished.output, "one\ntwo\nthree\n");
}

#[test]
fn a_failing_child_keeps_its_output_and_names_its_status() {
    let finished = shell("echo why; exit 3", LONG);
    assert!(!finished.ok);
    assert!(finished.output.starts_with("why\n"), "{}", finished.output);
    assert!(finished.output.contains("exit status: 3"), "{}", finished.output);
}

#[test]
fn output_that_is_not_text_is_no_error() {
    let finished = shell(r"printf '\377\n'", LONG);
    assert_eq!((finished.ok, finished.output.as_str()), (true, "\u{fffd}\n"));
}

#[test]
fn a_child_that_hangs_is_ended() {
    let finished = shell("exec sleep 600", Duration::from_millis(10));
    assert!(!finished.ok);
    assert!(finished.output.contains("took longer"), "{}", finished.output);
}

#[test]
fn a_process_left_behind_is_a_failure() {
    let finished = shell("sleep 20 & exit 0", LONG);
    assert!(!finished.ok);
    assert!(finished.output.contains("lives on"), "{}", finished.output);
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    let command = Command::new("vipcast-no-such-program");
    let error = run(&mut Progress::start("a test"), command, LONG).err().expect("cannot start");
    assert_eq!(error.to_string(), "cannot start `vipcast-no-such-program`");
}
