use vipcast_election::lease::Tenure;

use super::*;

fn leading(number: u64) -> Leadership {
    let not_after = Clock::now() + Duration::from_secs(3_600);
    Leadership::Leading(Tenure { number, transitions: 0, seized: false, not_after })
}

fn controller(leadership: watch::Receiver<Leadership>, epochs: watch::Sender<u64>) -> Controller {
    let uri = "http://127.0.0.1:1".parse().unwrap();
    let client = crate::cluster::client::client(&kube::Config::new(uri)).unwrap();
    let config = ControllerConfig::new("metallb-system", "a");
    let state = watch::channel(None).0;
    let mut controller = Controller::new(client, &config, Health::new(), leadership, epochs, state);
    controller.lists_follow = Some(1);
    for kind in FOLLOWED {
        controller.note(Change::Reset { kind, epoch: 1, objects: Vec::new() });
    }
    controller.step();
    controller
}

#[tokio::test]
async fn a_tenure_that_ended_and_began_anew_between_two_looks_is_not_missed() {
    let (leadership, looks) = watch::channel(leading(1));
    let (epochs, orders) = watch::channel(1);
    let mut controller = controller(looks, epochs);
    assert!(controller.planner.is_active());
    leadership.send_replace(Leadership::Standby { holder: None });
    leadership.send_replace(leading(2));
    controller.step();
    assert_eq!(*orders.borrow(), 2, "what another may have written is listed");
    assert!(!controller.planner.is_active(), "nothing is decided before that");
}

#[tokio::test]
async fn a_job_that_panics_leaves_its_service_free_to_be_tried_again() {
    let (_leadership, looks) = watch::channel(leading(1));
    let (epochs, _orders) = watch::channel(1);
    let mut controller = controller(looks, epochs);
    let owner = Owner::new("default", "web");
    controller.under_way.insert(owner.clone());
    let task = controller.jobs.spawn(async { panic!("on purpose") });
    controller.tasks.insert(task.id(), owner.clone());
    let ended = controller.jobs.join_next_with_id().await.unwrap();
    controller.ended(ended);
    assert!(controller.under_way.is_empty() && controller.tasks.is_empty());
    assert!(controller.retries.contains_key(&owner));
}
