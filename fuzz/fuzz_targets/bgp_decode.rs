//! Any octets as messages, under any agreement: no panic, and an UPDATE always has a verdict.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vipcast_bgp_proto::wire::{
    Afi, Attributes, DecodeContext, Family, FamilyContext, Framer, Message, MultiprotocolErrors,
    Safi, Verdict,
};

fuzz_target!(|input: &[u8]| {
    let Some((&[flags, afi, safi], stream)) = input.split_first_chunk::<3>() else {
        return;
    };
    let family = |family| FamilyContext {
        add_path: flags & 4 != 0,
        extended_next_hop: flags & 8 != 0,
        ..FamilyContext::new(family)
    };
    let mut context = DecodeContext::new(flags & 1 != 0, &[]);
    context.four_octet_as = flags & 2 != 0;
    context.families = vec![
        family(Family::IPV4_UNICAST),
        family(Family::IPV6_UNICAST),
        family(Family::new(Afi(afi.into()), Safi(safi))),
    ];
    if flags & 16 != 0 {
        context.multiprotocol_errors = MultiprotocolErrors::DisableFamily;
    }

    let mut framer = Framer::new();
    framer.set_extended(flags & 32 != 0);
    for mut piece in stream.chunks(if flags & 64 != 0 { 7 } else { usize::MAX }) {
        while let Some(frame) = framer.next(&mut piece) {
            let Ok(frame) = frame else { return };
            match Message::decode(&frame, &context) {
                Ok(Message::Update(update)) => {
                    let prefixes = update.reachable().chain(update.unreachable());
                    assert!(
                        prefixes.map(|nlri| nlri.prefixes().count()).sum::<usize>()
                            <= frame.bytes().len()
                    );
                    let _ = (Attributes::from_update(&update), update.end_of_rib());
                    let reset = update.verdict() == Verdict::ResetSession;
                    assert_eq!(reset, update.notification().is_some());
                    assert_eq!(update.verdict() == Verdict::Accept, update.error().is_none());
                }
                Ok(Message::Open(open)) => {
                    let mut bytes = Vec::new();
                    if open.encode(&mut bytes).is_ok() {
                        let mut again = Framer::new();
                        let frame = again.next(&mut &bytes[..]).expect("whole").expect("sound");
                        let Ok(Message::Open(read)) = Message::decode(&frame, &context) else {
                            panic!("what is written is not read");
                        };
                        assert_eq!(read.capabilities, open.capabilities);
                    }
                }
                Ok(message) => drop(format!("{message:?}")),
                Err(error) => drop(error.notification()),
            }
        }
    }
});
