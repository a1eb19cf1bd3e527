use super::*;

fn shape() -> Topology {
    let member = |node, link| (NodeId(node), Link(link));
    Topology {
        segments: vec![
            vec![member(0, 0), member(1, 0), member(2, 0)],
            vec![member(1, 1), member(2, 1)],
        ],
        nodes: 3,
    }
}

fn all(bounds: &Bounds, shape: &Topology) -> Vec<TimedFault> {
    (0..500).flat_map(|seed| Schedule::generate(seed, bounds, shape).faults).collect()
}

#[test]
fn every_fault_begins_and_ends_within_the_bounds_and_in_order() {
    let bounds = Bounds {
        from: Duration::from_secs(2),
        until: Duration::from_secs(3),
        longest: Duration::from_secs(5),
        most_faults: 5,
        ..Bounds::default()
    };
    let mut sizes = [0; 6];
    for seed in 0..500 {
        let schedule = Schedule::generate(seed, &bounds, &shape());
        sizes[schedule.faults().len()] += 1;
        assert!(schedule.faults().is_sorted_by_key(|timed| timed.at));
        for timed in schedule.faults() {
            assert!(timed.at >= Instant::from_millis(2_000), "{timed}");
            assert!(timed.ends() <= Instant::from_millis(3_000), "{timed}");
        }
    }
    assert!(sizes.iter().all(|&count| count > 40), "none to five, alike: {sizes:?}");
}

#[test]
fn every_kind_appears_and_fits_the_shape() {
    let shape = shape();
    let on = |segment: SegmentId, node: NodeId| {
        shape.segments[usize::from(segment.0)].iter().any(|&(member, _)| member == node)
    };
    let mut kinds = [0; 9];
    for timed in all(&Bounds::default(), &shape) {
        let kind = match timed.fault {
            Fault::Cut { segment, from, to } => {
                assert!(from != to && on(segment, from) && on(segment, to));
                0
            }
            Fault::Partition { segment, side } => {
                let members = shape.segments[usize::from(segment.0)].len();
                assert!(!side.is_empty() && side.len() < members, "both sides have somebody");
                assert!(side.iter().all(|&node| on(segment, node)));
                1
            }
            Fault::Unplug { node, link } => {
                assert!(shape.segments.iter().flatten().any(|&member| member == (node, link)));
                2
            }
            Fault::Degrade { .. } => 3,
            Fault::Pause { .. } => 4,
            Fault::Stall { .. } => 5,
            Fault::Crash { .. } => 6,
            Fault::ClockGap { .. } => 7,
            Fault::Drift { ppm, .. } => {
                assert!(ppm.abs() <= 10_000);
                8
            }
        };
        kinds[kind] += 1;
    }
    assert!(kinds.iter().all(|&count| count > 100), "{kinds:?}");
}

#[test]
fn weights_decide_and_what_has_no_place_is_left_out() {
    let cuts = Bounds { cuts: 1, ..Bounds::none() };
    assert!(all(&cuts, &shape()).iter().all(|timed| matches!(timed.fault, Fault::Cut { .. })));
    let alone = Topology { segments: vec![vec![(NodeId(0), Link(0))]], nodes: 1 };
    assert!(all(&cuts, &alone).is_empty());
    assert!(all(&Bounds::none(), &shape()).is_empty());
    assert!(all(&Bounds::default(), &Topology::default()).is_empty());
    let mostly = Bounds { crashes: 9, pauses: 1, ..Bounds::none() };
    let faults = all(&mostly, &shape());
    let crashes = faults.iter().filter(|t| matches!(t.fault, Fault::Crash { .. })).count();
    assert!((85..95).contains(&(crashes * 100 / faults.len())));
}

#[test]
fn a_seed_gives_the_same_schedule_again_and_prints_it_readably() {
    let one = Schedule::generate(3, &Bounds::default(), &shape());
    assert_eq!(one, Schedule::generate(3, &Bounds::default(), &shape()));
    assert_ne!(one, Schedule::generate(4, &Bounds::default(), &shape()));
    let fault = Fault::Pause { node: NodeId(2) };
    let written =
        Schedule::new().with(Instant::from_millis(1_500), Duration::from_millis(20), fault);
    assert_eq!(written.to_string(), "  1.500000s for 20ms: Pause { node: node 2 }\n");
}
