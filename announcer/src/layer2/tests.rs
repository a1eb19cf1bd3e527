use std::{os::unix::process::ExitStatusExt, process::Command};

use super::*;

/// Tells the child process of a test what to do.
const ROLE: &str = "VIPCAST_TEST_ROLE";

fn layer2() -> Layer2 {
    Layer2::start(Layer2Config::new(NodeName::new("node-a"))).unwrap()
}

#[test]
fn it_starts_and_ends_and_holds_nothing_by_itself() {
    let layer2 = layer2();
    let reports = layer2.reports();
    assert!(reports.borrow().answering.is_empty());
    drop(layer2);
    assert!(reports.has_changed().is_err(), "the thread has ended");
}

#[tokio::test]
async fn a_stop_in_the_midst_of_its_work_is_a_gap_as_one_while_it_waits_is() {
    let mut config = Layer2Config::new(NodeName::new("node-a"));
    config.gap = Duration::from_millis(100);
    let layer2 = Layer2::start(config).unwrap();
    let mut reports = layer2.reports();
    let before = reports.borrow().gaps;
    layer2.command(|pending| pending.stall = Duration::from_millis(300));
    let told = reports.wait_for(|report| report.gaps > before);
    tokio::time::timeout(Duration::from_secs(120), told).await.expect("never told").unwrap();
}

#[test]
fn a_panic_in_the_layer_2_thread_ends_the_process() {
    const NAME: &str = "layer2::tests::a_panic_in_the_layer_2_thread_ends_the_process";
    if std::env::var_os(ROLE).is_some() {
        let layer2 = layer2();
        layer2.command(|pending| pending.panic = true);
        // Without the guard this would end well, some time after the thread has died.
        drop(layer2);
        std::process::exit(0);
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env(ROLE, "panic")
        .output()
        .unwrap();
    const SIGABRT: i32 = 6;
    assert_eq!(child.status.signal(), Some(SIGABRT), "{child:?}");
}
