use std::{thread, time::Duration};

use vipcast_lab::harness::TestResult;

use crate::common::{LIMIT, VIP, cluster, key_file, page, servers, wait_for_all};

/// Where the UDP payload of an IPv4 frame without options begins.
const PAYLOAD: usize = 14 + 20 + 8;
const TTL: usize = 14 + 8;
const UDP_CHECKSUM: usize = 14 + 20 + 6;
const IP_CHECKSUM: usize = 14 + 10;

/// A router on the LAN sends what it has heard, and what it has made of it.
pub(crate) fn forged_beacons_change_nothing() -> TestResult {
    let dir = tempfile::tempdir()?;
    let keys = key_file(dir.path(), "keys", "0123456789abcdef0123456789abcdef")?;
    let keys = keys.to_string_lossy();
    let cluster = cluster("forgery", 2, &["--key-file", &keys, "--beacon-interval", "1s"])?;
    let before = servers(&cluster)?;
    wait_for_all(&cluster, "node-a")?;
    let mac = cluster.node("node-b")?.mac("eth0")?;
    let capture = cluster.net.lab.capture(&cluster.net.lan)?;
    capture.wait_for("a beacon of node-b", LIMIT, |frame| {
        frame.source() == mac && frame.bytes.get(PAYLOAD..PAYLOAD + 2) == Some(b"VB")
    })?;
    let caught = capture.stop()?;
    let beacon = caught.frames.iter().find(|frame| {
        frame.source() == mac && frame.bytes.get(PAYLOAD..PAYLOAD + 2) == Some(b"VB")
    });
    let mut replayed = beacon.ok_or("no beacon")?.bytes.clone();
    assert_eq!(replayed[TTL], 255);
    // Or the switch would send to the router what is for node-b.
    replayed[6..12].copy_from_slice(&cluster.net.router.mac("eth0")?.0);
    // What is changed below needs no checksum over it (RFC 768).
    replayed[UDP_CHECKSUM..UDP_CHECKSUM + 2].copy_from_slice(&[0, 0]);
    let mut forged = replayed.clone();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let mut unsigned = replayed.clone();
    unsigned[PAYLOAD + 3] = 0;
    let mut strange = replayed.clone();
    strange[PAYLOAD + 5] ^= 0xff;
    // Another length asks for another header: the datagram is cut, and what follows is padding.
    let truncated = cut(&replayed, 40);
    let mut far = replayed.clone();
    far[TTL] = 64;
    fix_ip_checksum(&mut far);
    for _ in 0..20 {
        for frame in [&replayed, &forged, &unsigned, &strange, &truncated, &far] {
            cluster.net.router.send_frame("eth0", frame)?;
        }
        thread::sleep(Duration::from_millis(10));
    }
    cluster.process("node-a").wait_for_line("is refused: its signature is wrong", LIMIT)?;
    cluster.net.client.flush_neighbours()?;
    assert_eq!(servers(&cluster)?, before);
    cluster.wait_for_page(&page(VIP))?;
    cluster.process("node-a").terminate()?;
    let counted = cluster.process("node-a").wait_for_line("refused beacons: ", LIMIT)?;
    let reasons = [
        "20 since it is older than what was heard last",
        "40 since its signature is wrong",
        "20 since it is not signed",
        "20 since it is signed with a key that this node does not have",
    ];
    for reason in reasons {
        assert!(counted.text.contains(reason), "{reason}: {}", counted.text);
    }
    assert!(!cluster.process("node-a").output().contains("node-b is silent"));
    Ok(())
}

/// The frame with a UDP payload of `len` octets.
fn cut(frame: &[u8], len: usize) -> Vec<u8> {
    let mut frame = frame[..PAYLOAD + len].to_vec();
    let total = u16::try_from(20 + 8 + len).unwrap_or(u16::MAX).to_be_bytes();
    frame[16..18].copy_from_slice(&total);
    let udp = u16::try_from(8 + len).unwrap_or(u16::MAX).to_be_bytes();
    frame[38..40].copy_from_slice(&udp);
    fix_ip_checksum(&mut frame);
    frame
}

/// RFC 791 §3.1.
fn fix_ip_checksum(frame: &mut [u8]) {
    frame[IP_CHECKSUM..IP_CHECKSUM + 2].copy_from_slice(&[0, 0]);
    let words =
        frame[14..34].chunks_exact(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(u16::MAX);
    frame[IP_CHECKSUM..IP_CHECKSUM + 2].copy_from_slice(&(!folded).to_be_bytes());
}
