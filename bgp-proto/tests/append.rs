//! Prefixes appended to an UPDATE in one go.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::{collection::vec, prelude::*};
use vipcast_bgp_proto::wire::{Family, NlriField, UpdateWriter};

/// Addresses with lengths, in runs: host routes stand together, as in what an announcer says.
fn runs<T: Arbitrary>(longest: u8) -> impl Strategy<Value = Vec<(T, u8)>> {
    let hosts = vec(any::<T>(), 0..50).prop_map(move |all| (all, longest));
    let equal = (vec(any::<T>(), 1..20), 0..=longest);
    let run = prop_oneof![hosts, equal];
    let run = run.prop_map(|(all, len)| all.into_iter().map(move |bits| (bits, len)));
    vec(run, 0..6).prop_map(|runs| runs.into_iter().flatten().collect())
}

proptest! {
    #[test]
    fn prefixes_appended_together_are_those_appended_one_by_one(
        ipv4 in runs::<u32>(32), ipv6 in runs::<u128>(128), max in 60..1000_usize,
    ) {
        let ipv4 = ipv4.into_iter().map(|(bits, len)| Ipv4Net::new(bits.into(), len).unwrap());
        let ipv6 = ipv6.into_iter().map(|(bits, len)| Ipv6Net::new(bits.into(), len).unwrap());
        let (ipv4, ipv6): (Vec<_>, Vec<_>) = (ipv4.collect(), ipv6.collect());
        let write = |field, append: &mut dyn FnMut(&mut UpdateWriter<'_>) -> usize| {
            let mut bytes = Vec::new();
            let mut writer = UpdateWriter::new(&mut bytes, field, &[], max).unwrap();
            let count = append(&mut writer);
            writer.finish();
            (bytes, count)
        };
        let each = |nets: Vec<IpNet>| {
            move |writer: &mut UpdateWriter<'_>| {
                nets.iter().take_while(|net| writer.push(None, **net)).count()
            }
        };
        let field = NlriField::Withdrawn;
        let one_by_one = write(field, &mut each(ipv4.iter().copied().map(IpNet::V4).collect()));
        prop_assert_eq!(write(field, &mut |writer| writer.push_ipv4(&ipv4)), one_by_one);
        let field = NlriField::MpUnreach(Family::IPV6_UNICAST);
        let one_by_one = write(field, &mut each(ipv6.iter().copied().map(IpNet::V6).collect()));
        prop_assert_eq!(write(field, &mut |writer| writer.push_ipv6(&ipv6)), one_by_one);
    }
}
