//! Whatever is done to a folder, the end is that of a fresh start.

use proptest::prelude::*;

use super::*;

/// One thing that happens to a folder.
#[derive(Clone, Debug)]
enum Edit {
    Write(usize, usize),
    Begin(usize, usize, usize),
    Delete(usize),
    Rename(usize, usize),
    Swap(usize, usize),
    Vanish,
    Return,
    Replace,
    Hide(usize),
    Settle,
}

const NAMES: [&str; 4] = ["a.yaml", "b.yml", "c.json", "notes.txt"];

fn contents() -> Vec<String> {
    let one = service("one", "10.0.0.1");
    let two = service("two", "10.0.0.20");
    vec![
        pool("lan", "10.0.0.0/28"),
        pool("lan", "10.0.0.0/27"),
        pool("wide", "10.0.0.0/24"),
        one.clone(),
        format!("{one}---\n{two}"),
        format!("{}---\n{two}", service("one", "not an address")),
        two,
        "kind: [".to_owned(),
        String::new(),
        r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "one"}, "spec": {"type": "LoadBalancer"}}"#
            .to_owned(),
    ]
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let (file, content) = (0..NAMES.len(), 0..contents().len());
    let edit = prop_oneof![
        6 => (file.clone(), content.clone()).prop_map(|(f, c)| Edit::Write(f, c)),
        3 => (file.clone(), content.clone(), 0usize..200).prop_map(|(f, c, n)| Edit::Begin(f, c, n)),
        2 => file.clone().prop_map(Edit::Delete),
        2 => (file.clone(), file.clone()).prop_map(|(a, b)| Edit::Rename(a, b)),
        1 => (content.clone(), content).prop_map(|(a, b)| Edit::Swap(a, b)),
        1 => Just(Edit::Vanish),
        2 => Just(Edit::Return),
        1 => Just(Edit::Replace),
        1 => file.prop_map(Edit::Hide),
        4 => Just(Edit::Settle),
    ];
    proptest::collection::vec(edit, 1..24)
}

fn perform(harness: &mut Harness, edit: &Edit, open: &mut BTreeMap<&'static str, String>) {
    let contents = contents();
    match edit {
        Edit::Write(file, content) => {
            open.remove(NAMES[*file]);
            harness.end(NAMES[*file], &contents[*content]);
        }
        Edit::Begin(file, content, bytes) => {
            let text = &contents[*content];
            open.insert(NAMES[*file], text.clone());
            harness.begin(NAMES[*file], &text[..(*bytes).min(text.len())]);
        }
        Edit::Delete(file) => {
            open.remove(NAMES[*file]);
            harness.delete(NAMES[*file]);
        }
        Edit::Rename(from, to)
            if from != to && harness.world.0.borrow().files.contains_key(NAMES[*from]) =>
        {
            open.remove(NAMES[*from]);
            open.remove(NAMES[*to]);
            harness.rename(NAMES[*from], NAMES[*to]);
        }
        Edit::Rename(..) => {}
        Edit::Swap(first, second) => {
            open.clear();
            let files = [(NAMES[0], first), (NAMES[1], second)];
            harness.world.0.borrow_mut().files = files
                .into_iter()
                .map(|(name, content)| (name.to_owned(), contents[*content].clone().into_bytes()))
                .collect();
            harness.event(FileEvent::Lost);
        }
        Edit::Vanish => {
            harness.world.0.borrow_mut().gone = true;
            harness.event(FileEvent::Lost);
        }
        Edit::Return => {
            harness.world.0.borrow_mut().gone = false;
            harness.event(FileEvent::Lost);
        }
        Edit::Replace => {
            open.clear();
            let mut inner = harness.world.0.borrow_mut();
            inner.inode += 1;
            inner.files.clear();
            drop(inner);
            harness.event(FileEvent::Lost);
        }
        Edit::Hide(file) => {
            let hidden = harness.world.0.borrow_mut().unreadable.insert(NAMES[*file].to_owned());
            if !hidden {
                harness.world.0.borrow_mut().unreadable.remove(NAMES[*file]);
            }
            harness.event(FileEvent::Anything);
        }
        Edit::Settle => harness.settle(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_edits_end_where_a_fresh_start_ends(edits in edits()) {
        let mut harness = Harness::new(&[("a.yaml", &contents()[0]), ("b.yml", &contents()[4])]);
        let mut open = BTreeMap::new();
        for edit in &edits {
            perform(&mut harness, edit, &mut open);
        }
        // Whoever still writes finishes.
        for (name, text) in open {
            harness.end(name, &text);
        }
        harness.now += Duration::from_secs(2);
        harness.settle();

        let end = harness.follower.snapshot().clone();
        let kept = crate::state::round_trip(&end);
        let fresh = Harness::over(harness.world.clone(), kept);
        prop_assert_eq!(fresh.follower.snapshot(), &end);

        // Where nothing is stale, the past has left no trace at all.
        if end.stale.is_empty() && end.diagnostics.iter().all(|d| !d.is_error()) {
            let fresh = Harness::over(harness.world.clone(), Snapshot::default());
            prop_assert_eq!(fresh.follower.snapshot(), &end);
        }
    }

    #[test]
    fn what_is_served_is_always_free_of_contradictions(edits in edits()) {
        let mut harness = Harness::new(&[("a.yaml", &contents()[0])]);
        let mut open = BTreeMap::new();
        for edit in &edits {
            perform(&mut harness, edit, &mut open);
            harness.settle();
            let translation = harness.follower.snapshot().translate(&Options::default());
            let errors: Vec<_> =
                translation.diagnostics.iter().filter(|d| d.is_error()).collect();
            prop_assert!(errors.is_empty(), "{errors:?}");
        }
    }
}
