use std::{
    io::Write as _,
    sync::mpsc::{Receiver, channel},
};

use super::*;

fn names(alive: &Alive) -> Vec<&str> {
    alive.nodes.iter().map(NodeName::as_str).collect()
}

#[test]
fn one_name_a_line_comments_and_blank_lines_do_not_count() {
    let text = "# the rack\nnode-b\n\n  node-a  # spare\nnode-b\n";
    let nodes = Alive::parse(text, false).unwrap();
    assert_eq!(names(&Alive { nodes, stale: None }), ["node-b", "node-a"]);
}

#[test]
fn what_is_no_list_keeps_the_last_one() {
    let known = Alive::default().next(Ok(b"a\nb\n".to_vec()), true);
    assert_eq!(names(&known), ["a", "b"]);
    assert_eq!(known.assigner().map(NodeName::as_str), Some("a"));
    let rows: [(io::Result<Vec<u8>>, bool); 4] = [
        (Ok(b"".to_vec()), true),
        (Ok(b"# nobody\n".to_vec()), true),
        (Ok(b"node one\n".to_vec()), true),
        (Ok(b"a\nnode-1".to_vec()), false),
    ];
    for (read, complete) in rows {
        let next = known.next(read, complete);
        assert_eq!(names(&next), ["a", "b"]);
        assert!(next.stale.is_some());
    }
    let next = known.next(Err(io::ErrorKind::NotFound.into()), true);
    assert_eq!(names(&next), ["a", "b"]);
    // A complete file needs no newline at its end.
    assert_eq!(names(&known.next(Ok(b"c".to_vec()), true)), ["c"]);
}

fn next(lists: &Receiver<Alive>) -> Alive {
    lists.recv_timeout(Duration::from_secs(120)).expect("a list")
}

#[test]
fn edits_are_followed_and_a_half_written_file_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("alive");
    fs::write(&file, "a\nb\n").unwrap();
    let (send, lists) = channel();
    let follow = Follow::alive(&file, move |alive| drop(send.send(alive))).unwrap();
    assert_eq!(names(&next(&lists)), ["a", "b"]);

    let other = dir.path().join("alive.new");
    fs::write(&other, "b").unwrap();
    fs::rename(&other, &file).unwrap();
    assert_eq!(names(&next(&lists)), ["b"]);

    let mut writer = fs::File::create(&file).unwrap();
    writer.write_all(b"c\nnode-1").unwrap();
    writer.write_all(b"2\n").unwrap();
    drop(writer);
    let seen = next(&lists);
    assert_eq!((names(&seen), &seen.stale), (vec!["c", "node-12"], &None));

    fs::remove_file(&file).unwrap();
    let seen = next(&lists);
    assert_eq!(names(&seen), ["c", "node-12"]);
    assert!(matches!(seen.stale, Some(AliveFault::Unreadable { .. })));
    drop(follow);
}
