//! Prefixes appended to an UPDATE in one go.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::{collection::vec, prelude::*};
use vipcast_bgp_proto::wire::{Family, NlriField, UpdateWriter};

proptest! {
    #[test]
    fn prefixes_appended_together_are_those_appended_one_by_one(
        ipv4 in vec((any::<u32>(), 0..=32_u8), 0..100),
        ipv6 in vec((any::<u128>(), 0..=128_u8), 0..100),
        max in 60..1000_usize,
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
