//! Three nodes that agree, with datagrams that are lost, kept and repeated in any order, and disks that
//! fail to keep the last of it: there is one document of each version.

#![no_main]

use std::{collections::BTreeMap, time::Duration};

use libfuzzer_sys::fuzz_target;
use vipcast_election::{
    NodeName,
    beacon::Keyring,
    register::{Changes, Register, RegisterConfig, RegisterSettings, VoterId},
};
use vipcast_sans_io::{Instant, Machine};

const NAMES: [&str; 3] = ["a", "b", "c"];

struct Host {
    register: Register,
    disk: Vec<u8>,
}

fn config(index: usize) -> RegisterConfig {
    let founders = NAMES.map(NodeName::new);
    RegisterConfig::new(NodeName::new(NAMES[index]), founders, RegisterSettings::default()).unwrap()
}

impl Host {
    fn settle(&mut self, now: Instant, queue: &mut Vec<Vec<u8>>) {
        while let Some(persist) = self.register.poll_persist() {
            if persist.replace {
                self.disk.clear();
            }
            self.disk.extend(&persist.bytes);
            self.register.persisted(now, persist.ticket);
        }
        let mut buf = Vec::new();
        while self.register.poll_transmit(now, &mut buf).is_some() {
            assert!(buf.len() <= 1_400);
            queue.push(buf.clone());
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut now = Instant::from_millis(1);
    let voter = |index: usize| VoterId(index as u64 + 1);
    let mut hosts: Vec<Host> = (0..3)
        .map(|index| {
            let keyring = Keyring::insecure();
            let register = Register::new(now, voter(index), config(index), keyring);
            Host { register, disk: Vec::new() }
        })
        .collect();
    let (mut queue, mut versions) = (Vec::new(), BTreeMap::new());
    let mut look = |hosts: &[Host]| {
        for host in hosts {
            let document = host.register.document();
            let entries: Vec<(Vec<u8>, Vec<u8>)> =
                document.entries().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
            let members = document.members();
            let known = versions
                .entry((host.register.history(), document.version()))
                .or_insert_with(|| (entries.clone(), members.clone()));
            // A node without history has an empty document of no version.
            if host.register.history().is_some() && document.version() > 0 {
                assert_eq!(*known, (entries, members));
            }
        }
    };
    // They found a history, so that the rest is about keeping it.
    for _ in 0..60 {
        now += Duration::from_millis(100);
        for index in 0..3 {
            hosts[index].register.handle_timeout(now);
            hosts[index].settle(now, &mut queue);
            for bytes in std::mem::take(&mut queue) {
                for other in 0..3 {
                    _ = hosts[other].register.handle_datagram(now, &bytes);
                    hosts[other].settle(now, &mut queue);
                }
            }
        }
    }
    for step in bytes.chunks_exact(3) {
        let &[kind, a, b] = step else { return };
        let index = usize::from(a % 3);
        let host = &mut hosts[index];
        match kind % 8 {
            0 => {
                now += Duration::from_millis(u64::from(b) * 8);
                host.register.handle_timeout(now);
                host.settle(now, &mut queue);
            }
            1 => {
                let changes = Changes::from([(vec![b % 8], Some(vec![a, b]))]);
                _ = host.register.propose(now, changes);
                host.settle(now, &mut queue);
            }
            // It restarts.
            2 if b < 64 => {
                let (voter, config, keyring) = (voter(index), config(index), Keyring::insecure());
                host.register = Register::restore(now, voter, &host.disk, config, keyring).unwrap();
            }
            // A proposal that was not kept, and a restart.
            3 if b < 32 => {
                let changes = Changes::from([(vec![b % 8], Some(vec![b]))]);
                _ = host.register.propose(now, changes);
                if let Some(persist) = host.register.poll_persist()
                    && !persist.replace
                {
                    let part = persist.bytes.len() * usize::from(b) / 32;
                    host.disk.extend(&persist.bytes[..part]);
                }
                let (voter, config, keyring) = (voter(index), config(index), Keyring::insecure());
                host.register = Register::restore(now, voter, &host.disk, config, keyring).unwrap();
                host.settle(now, &mut queue);
            }
            4 => queue.truncate(usize::from(b)),
            _ if !queue.is_empty() => {
                // One that waits arrives; it may arrive again.
                let at = usize::from(b) % queue.len();
                let bytes = if kind & 0x80 == 0 { queue.remove(at) } else { queue[at].clone() };
                _ = host.register.handle_datagram(now, &bytes);
                host.settle(now, &mut queue);
            }
            _ => {}
        }
        let excess = queue.len().saturating_sub(200);
        queue.drain(..excess);
        look(&hosts);
    }
});
