//! Fields of prefixes, read by shortcuts for what is usual, beside a reader that has none.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::{collection::vec, option, prelude::*};
use vipcast_bgp_proto::wire::{
    DecodeContext, Family, FamilyContext, PathId, Update, UpdateError, Verdict,
};

/// Octet by octet; nothing where a prefix is cut off or too long (RFC 4271 §4.3, RFC 7911 §3).
fn slowly(family: Family, add_path: bool, field: &[u8]) -> Option<Vec<(PathId, IpNet)>> {
    let mut octets = field.iter().copied();
    let mut all = Vec::new();
    while octets.len() > 0 {
        let mut id = 0;
        for _ in 0..if add_path { 4 } else { 0 } {
            id = id << 8 | u32::from(octets.next()?);
        }
        let len = octets.next()?;
        let mut address = [0; 16];
        for bit in 0..usize::from(len) {
            if bit % 8 == 0 {
                *address.get_mut(bit / 8)? = octets.next()?;
            }
        }
        let bits = u128::from_be_bytes(address);
        let net = match family {
            Family::IPV4_UNICAST => IpNet::new(Ipv4Addr::from((bits >> 96) as u32).into(), len),
            _ => IpNet::new(Ipv6Addr::from(bits).into(), len),
        };
        all.push((id, net.ok()?.trunc()));
    }
    Some(all)
}

/// Runs of prefixes of one length with others in between, some with bits behind it; now and then too long, or cut off.
fn field() -> impl Strategy<Value = (Family, bool, Vec<u8>)> {
    let family = prop_oneof![Just(Family::IPV4_UNICAST), Just(Family::IPV6_UNICAST)];
    let add_path = prop::bool::weighted(0.2);
    (family, add_path).prop_flat_map(|(family, add_path)| {
        let longest = if family == Family::IPV4_UNICAST { 32 } else { 128 };
        let len = prop_oneof![
            20 => Just(longest),
            40 => 17..=24_u8,
            39 => 0..=longest,
            1 => longest..=255,
        ];
        let other = option::weighted(0.1, 14..=27_u8);
        let run = (len, vec((any::<[u8; 36]>(), other), 1..20));
        let cut = prop_oneof![9 => Just(0), 1 => 1..20_usize];
        (vec(run, 0..12), cut).prop_map(move |(runs, cut)| {
            let mut field = Vec::new();
            for (len, prefixes) in runs {
                for (octets, other) in prefixes {
                    let len = other.unwrap_or(len);
                    let (id, address) = octets.split_at(4);
                    field.extend(id.iter().filter(|_| add_path));
                    field.push(len);
                    field.extend_from_slice(&address[..usize::from(len).div_ceil(8)]);
                }
            }
            field.truncate(field.len().saturating_sub(cut));
            (family, add_path, field)
        })
    })
}

proptest! {
    #[test]
    fn a_field_of_prefixes_reads_as_it_does_octet_by_octet((family, add_path, field) in field()) {
        let context = DecodeContext {
            families: vec![FamilyContext { add_path, ..FamilyContext::new(family) }],
            ..DecodeContext::default()
        };
        let len = |octets: usize| u16::try_from(octets).unwrap().to_be_bytes();
        let body = if family == Family::IPV4_UNICAST {
            [&len(field.len())[..], &field, &[0, 0]].concat()
        } else {
            // MP_UNREACH_NLRI, optional and long.
            let attribute = [&[0x90, 15][..], &len(3 + field.len()), &[0, 2, 1], &field].concat();
            [&[0, 0][..], &len(attribute.len()), &attribute].concat()
        };
        let update = Update::decode(&body, &context);
        let Some(expected) = slowly(family, add_path, &field) else {
            prop_assert!(update.verdict() > Verdict::AttributeDiscard);
            prop_assert_eq!(update.unreachable().flat_map(|nlri| nlri.prefixes()).next(), None);
            return Ok(());
        };
        prop_assert_eq!((update.verdict(), update.error()), (Verdict::Accept, None::<UpdateError>));
        let mut one_by_one = Vec::new();
        for nlri in update.unreachable() {
            for item in nlri.prefixes() {
                one_by_one.push(item);
            }
        }
        prop_assert_eq!(&one_by_one, &expected);
        let folded = update.unreachable().fold(Vec::new(), |all, nlri| {
            nlri.prefixes().fold(all, |mut all, item| {
                all.push(item);
                all
            })
        });
        prop_assert_eq!(&folded, &expected);
    }
}
