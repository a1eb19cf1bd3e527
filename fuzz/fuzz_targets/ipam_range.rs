//! Any text is a range or a typed refusal; a range reads back as itself, and its prefixes cover it exactly.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vipcast_ipam::AddressRange;

fuzz_target!(|text: &str| {
    let Ok(range) = text.parse::<AddressRange>() else {
        return;
    };
    assert_eq!(range.to_string().parse(), Ok(range));
    assert!(range.first() <= range.last());
    assert!(range.contains(range.first()) && range.contains(range.last()));
    assert!(range.overlaps(&range));
    assert!(range.size() > 0);
    let mut prefixes = range.prefixes();
    assert_eq!(prefixes.next().map(|first| first.network()), Some(range.first()));
    assert!(prefixes.count() < 256);
});
