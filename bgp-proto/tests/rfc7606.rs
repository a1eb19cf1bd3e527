//! Revised error handling, row by row: what is wrong in an UPDATE, and what it costs.

mod common;

use common::*;
use vipcast_bgp_proto::wire::{
    AttributeType, DecodeContext, Family, MultiprotocolErrors, PathAttribute, Update, UpdateError,
    Verdict,
};

#[track_caller]
fn assert_verdict(body: &[u8], context: &DecodeContext, verdict: Verdict, error: UpdateError) {
    let update = Update::decode(body, context);
    assert_eq!((update.verdict(), update.error()), (verdict, Some(error)), "{body:02x?}");
}

/// The route with `attributes` beside the mandatory ones, from another AS.
#[track_caller]
fn assert_external(attributes: &[u8], verdict: Verdict, error: UpdateError) {
    let body = update(&[], &[&mandatory(), attributes].concat(), &HOST);
    assert_verdict(&body, &external(), verdict, error);
}

#[track_caller]
fn assert_internal(attributes: &[u8], verdict: Verdict, error: UpdateError) {
    let attributes = [&mandatory(), &local_pref()[..], attributes].concat();
    assert_verdict(&update(&[], &attributes, &HOST), &internal(), verdict, error);
}

/// The notification that a reset sends: code, subcode, data.
fn told(body: &[u8], context: &DecodeContext) -> (u8, u8, Vec<u8>) {
    let notification = Update::decode(body, context).notification().expect("a reset");
    (notification.code.0, notification.subcode, notification.data)
}

use UpdateError as E;
use Verdict::{AttributeDiscard, ResetSession, TreatAsWithdraw};

#[test]
fn a_sound_update_is_accepted() {
    let body = update(&[], &mandatory(), &HOST);
    let context = external();
    let update = Update::decode(&body, &context);
    assert_eq!((update.verdict(), update.error()), (Verdict::Accept, None));
    assert_eq!(update.reachable().flat_map(|nlri| nlri.prefixes()).count(), 1);
    assert_eq!(update.notification(), None);
}

#[test]
fn section_3_withdrawn_length_beyond_the_message_resets_with_3_1() {
    let mut body = update(&HOST, &[], &[]);
    body[1] = 200;
    assert_verdict(&body, &external(), ResetSession, E::FieldLengths);
    assert_eq!(told(&body, &external()), (3, 1, vec![]));
}

#[test]
fn section_3_attribute_length_beyond_the_message_resets_with_3_1() {
    let mut body = update(&[], &mandatory(), &[]);
    body[3] += 1;
    assert_verdict(&body, &external(), ResetSession, E::FieldLengths);
}

#[test]
fn section_4_an_attribute_that_overruns_the_block_withdraws_the_prefixes_found_by_its_length() {
    let mut attributes = [mandatory(), attribute(0x80, 4, &[0, 0, 0, 1])].concat();
    let len = attributes.len();
    attributes[len - 5] = 40;
    let body = update(&[], &attributes, &HOST);
    assert_verdict(&body, &external(), TreatAsWithdraw, E::AttributeOverrun);
    let context = external();
    let update = Update::decode(&body, &context);
    let withdrawn: Vec<_> = update.unreachable().flat_map(|nlri| nlri.prefixes()).collect();
    assert_eq!(withdrawn, [(0, "10.0.0.1/32".parse().unwrap())]);
    assert_eq!(update.reachable().count(), 0);
}

#[test]
fn section_4_fewer_than_three_octets_left_withdraw() {
    let body = update(&[], &[&mandatory()[..], &[0x80, 4]].concat(), &HOST);
    assert_verdict(&body, &external(), TreatAsWithdraw, E::AttributeOverrun);
}

#[test]
fn section_4_fewer_than_four_octets_left_with_a_long_length_withdraw() {
    let body = update(&[], &[&mandatory()[..], &[0x90, 4, 0]].concat(), &HOST);
    assert_verdict(&body, &external(), TreatAsWithdraw, E::AttributeOverrun);
}

#[test]
fn section_3c_wrong_optional_or_transitive_bits_withdraw() {
    for (flags, kind, value) in [
        (0xC0, AttributeType::MULTI_EXIT_DISC, vec![0, 0, 0, 1]),
        (0x40, AttributeType::MULTI_EXIT_DISC, vec![0, 0, 0, 1]),
        (0x80, AttributeType::COMMUNITIES, vec![0, 0, 0, 1]),
        (0x80, AttributeType::LARGE_COMMUNITIES, vec![0; 12]),
        (0x80, AttributeType::ATOMIC_AGGREGATE, vec![]),
        (0x80, AttributeType::ONLY_TO_CUSTOMER, vec![0, 0, 0, 1]),
    ] {
        assert_external(&attribute(flags, kind.0, &value), TreatAsWithdraw, E::Flags(kind));
    }
}

#[test]
fn section_3c_the_partial_bit_on_a_well_known_attribute_withdraws() {
    let attributes = [attribute(0x60, 1, &[0]), as_path(), next_hop()].concat();
    let body = update(&[], &attributes, &HOST);
    let error = E::Flags(AttributeType::ORIGIN);
    assert_verdict(&body, &external(), TreatAsWithdraw, error);
}

#[test]
fn section_3d_a_missing_mandatory_attribute_withdraws() {
    for (attributes, missing) in [
        ([as_path(), next_hop()].concat(), AttributeType::ORIGIN),
        ([origin(), next_hop()].concat(), AttributeType::AS_PATH),
        ([origin(), as_path()].concat(), AttributeType::NEXT_HOP),
    ] {
        let body = update(&[], &attributes, &HOST);
        assert_verdict(&body, &external(), TreatAsWithdraw, E::Missing(missing));
    }
}

#[test]
fn section_3d_next_hop_is_not_missed_where_all_prefixes_are_in_mp_reach() {
    let body = update(&[], &[mp_reach(), origin(), as_path()].concat(), &[]);
    assert_eq!(Update::decode(&body, &external()).verdict(), Verdict::Accept);
}

#[test]
fn section_3d_a_missing_local_pref_withdraws_only_within_the_as() {
    let body = update(&[], &mandatory(), &HOST);
    let error = E::Missing(AttributeType::LOCAL_PREF);
    assert_verdict(&body, &internal(), TreatAsWithdraw, error);
    assert_eq!(Update::decode(&body, &external()).verdict(), Verdict::Accept);
}

#[test]
fn section_3e_an_empty_as_path_and_an_empty_atomic_aggregate_are_sound() {
    let attributes = [origin(), attribute(0x40, 2, &[]), next_hop(), attribute(0x40, 6, &[])];
    let body = update(&[], &attributes.concat(), &HOST);
    assert_eq!(Update::decode(&body, &external()).verdict(), Verdict::Accept);
}

#[test]
fn section_3g_a_second_mp_reach_or_mp_unreach_resets_with_3_1() {
    let twice = [mp_reach(), mp_reach(), mandatory()].concat();
    let body = update(&[], &twice, &[]);
    let error = E::Duplicate(AttributeType::MP_REACH_NLRI);
    assert_verdict(&body, &external(), ResetSession, error);
    assert_eq!(told(&body, &external()), (3, 1, vec![]));

    let unreach = attribute(0x80, 15, &[0, 2, 1]);
    let body = update(&[], &[unreach.clone(), unreach].concat(), &[]);
    let error = E::Duplicate(AttributeType::MP_UNREACH_NLRI);
    assert_verdict(&body, &external(), ResetSession, error);
}

#[test]
fn section_3g_of_other_repeated_attributes_the_first_counts() {
    let repeated = [
        attribute(0x80, 4, &[0, 0, 0, 7]),
        attribute(0x80, 4, &[0, 0, 0, 8]),
        // Even a malformed one is dropped unread.
        attribute(0x80, 4, &[1]),
    ];
    let body = update(&[], &[&mandatory()[..], &repeated.concat()].concat(), &HOST);
    let context = external();
    let update = Update::decode(&body, &context);
    assert_eq!(update.verdict(), Verdict::Accept);
    let med = update.attribute(AttributeType::MULTI_EXIT_DISC);
    assert!(matches!(med, Some(PathAttribute::MultiExitDisc(7))));
    assert_eq!(update.attributes().count(), 4);
    assert_eq!(update.raw_attributes().count(), 6);
}

#[test]
fn section_7_1_a_wrong_origin_withdraws() {
    for (value, error) in [
        (&[3][..], E::InvalidOrigin),
        (&[0, 0], E::Length(AttributeType::ORIGIN)),
        (&[], E::Length(AttributeType::ORIGIN)),
    ] {
        let attributes = [attribute(0x40, 1, value), as_path(), next_hop()].concat();
        let body = update(&[], &attributes, &HOST);
        assert_verdict(&body, &external(), TreatAsWithdraw, error);
    }
}

#[test]
fn section_7_2_a_malformed_as_path_withdraws() {
    for value in [
        &[9, 1, 0, 0, 0, 1][..],               // unknown kind of segment
        &[2, 2, 0, 0, 0, 1],                   // overrun
        &[2, 1, 0, 0, 0, 1, 2],                // one octet left
        &[2, 0],                               // no number
        &[2, 1, 0, 0, 0, 0],                   // AS 0 (RFC 7607)
        &[1, 1, 0, 0, 0, 1],                   // AS_SET (RFC 9774)
        &[2, 1, 0, 0, 0, 1, 4, 1, 0, 0, 0, 2], // AS_CONFED_SET (RFC 9774)
        &[3, 1, 0, 0, 0, 1],                   // confederation from outside (RFC 5065)
    ] {
        let attributes = [origin(), attribute(0x40, 2, value), next_hop()].concat();
        let body = update(&[], &attributes, &HOST);
        assert_verdict(&body, &external(), TreatAsWithdraw, E::MalformedAsPath);
    }
}

#[test]
fn section_7_3_a_next_hop_of_wrong_length_withdraws() {
    let attributes = [origin(), as_path(), attribute(0x40, 3, &[1, 2, 3])].concat();
    let body = update(&[], &attributes, &HOST);
    let error = E::Length(AttributeType::NEXT_HOP);
    assert_verdict(&body, &external(), TreatAsWithdraw, error);
}

#[test]
fn section_7_4_a_med_of_wrong_length_withdraws() {
    let med = AttributeType::MULTI_EXIT_DISC;
    assert_external(&attribute(0x80, 4, &[0; 5]), TreatAsWithdraw, E::Length(med));
    assert_external(&attribute(0x80, 4, &[]), TreatAsWithdraw, E::Length(med));
}

#[test]
fn section_7_5_a_local_pref_of_wrong_length_withdraws_within_the_as() {
    let attributes = [mandatory(), attribute(0x40, 5, &[0; 3])].concat();
    let body = update(&[], &attributes, &HOST);
    let error = E::Length(AttributeType::LOCAL_PREF);
    assert_verdict(&body, &internal(), TreatAsWithdraw, error);
}

#[test]
fn section_7_5_7_9_7_10_internal_attributes_from_outside_are_discarded_whatever_they_hold() {
    for (flags, kind) in [
        (0x40, AttributeType::LOCAL_PREF),
        (0xC0, AttributeType::LOCAL_PREF),
        (0x80, AttributeType::ORIGINATOR_ID),
        (0x80, AttributeType::CLUSTER_LIST),
    ] {
        for value in [&[][..], &[0; 4], &[0; 7]] {
            let attribute = attribute(flags, kind.0, value);
            assert_external(&attribute, AttributeDiscard, E::Optional(kind));
            let body = update(&[], &[mandatory(), attribute].concat(), &HOST);
            let context = external();
            let update = Update::decode(&body, &context);
            assert!(update.attribute(kind).is_none());
            assert_eq!(update.discarded().collect::<Vec<_>>(), [kind]);
            assert_eq!(update.reachable().flat_map(|n| n.prefixes()).count(), 1);
        }
    }
}

#[test]
fn section_7_6_an_atomic_aggregate_with_content_is_discarded() {
    let error = E::Length(AttributeType::ATOMIC_AGGREGATE);
    assert_external(&attribute(0x40, 6, &[1]), AttributeDiscard, error);
}

#[test]
fn section_7_7_an_aggregator_of_wrong_length_or_as_0_is_discarded() {
    let kind = AttributeType::AGGREGATOR;
    assert_external(&attribute(0xC0, 7, &[1; 6]), AttributeDiscard, E::Length(kind));
    assert_external(&attribute(0xC0, 7, &[]), AttributeDiscard, E::Length(kind));
    let as_0 = attribute(0xC0, 7, &[0, 0, 0, 0, 1, 1, 1, 1]);
    assert_external(&as_0, AttributeDiscard, E::Optional(kind));
    let mut old = external();
    old.four_octet_as = false;
    let attributes = [
        origin(),
        attribute(0x40, 2, &[2, 1, 0, 1]),
        next_hop(),
        attribute(0xC0, 7, &[0, 1, 1, 1, 1, 1]),
    ];
    let body = update(&[], &attributes.concat(), &HOST);
    assert_eq!(Update::decode(&body, &old).verdict(), Verdict::Accept);
}

#[test]
fn section_7_8_communities_not_a_multiple_of_4_or_empty_withdraw() {
    let error = E::Length(AttributeType::COMMUNITIES);
    assert_external(&attribute(0xC0, 8, &[0; 6]), TreatAsWithdraw, error);
    assert_external(&attribute(0xC0, 8, &[]), TreatAsWithdraw, error);
}

#[test]
fn section_7_9_an_originator_id_of_wrong_length_withdraws_within_the_as() {
    let error = E::Length(AttributeType::ORIGINATOR_ID);
    assert_internal(&attribute(0x80, 9, &[0; 5]), TreatAsWithdraw, error);
}

#[test]
fn section_7_10_a_cluster_list_not_a_multiple_of_4_or_empty_withdraws_within_the_as() {
    let error = E::Length(AttributeType::CLUSTER_LIST);
    assert_internal(&attribute(0x80, 10, &[0; 5]), TreatAsWithdraw, error);
    assert_internal(&attribute(0x80, 10, &[]), TreatAsWithdraw, error);
}

#[test]
fn section_7_11_a_next_hop_length_that_does_not_fit_the_family_resets_with_3_9() {
    let mut value = mp_reach_value();
    value[3] = 15;
    value.remove(4);
    let bad = attribute(0x80, 14, &value);
    let body = update(&[], &[bad.clone(), origin(), as_path()].concat(), &[]);
    let error = E::Optional(AttributeType::MP_REACH_NLRI);
    assert_verdict(&body, &external(), ResetSession, error);
    assert_eq!(told(&body, &external()), (3, 9, bad));
}

#[test]
fn section_7_11_or_disables_the_family_where_that_is_wanted() {
    let mut value = mp_reach_value();
    value[21] = 129;
    let attributes = [attribute(0x80, 14, &value), origin(), as_path()].concat();
    let body = update(&[], &attributes, &[]);
    let error = E::Optional(AttributeType::MP_REACH_NLRI);
    assert_verdict(&body, &external(), ResetSession, error);
    let mut lenient = external();
    lenient.multiprotocol_errors = MultiprotocolErrors::DisableFamily;
    let verdict = Verdict::DisableFamily(Family::IPV6_UNICAST);
    assert_verdict(&body, &lenient, verdict, error);
}

#[test]
fn section_7_11_an_mp_reach_that_is_cut_or_has_wrong_flags_resets() {
    let kind = AttributeType::MP_REACH_NLRI;
    let body = update(&[], &[attribute(0x80, 14, &[0, 2, 1, 0]), mandatory()].concat(), &[]);
    assert_verdict(&body, &external(), ResetSession, E::Optional(kind));
    let attributes = [attribute(0xC0, 14, &mp_reach_value()), mandatory()].concat();
    let body = update(&[], &attributes, &[]);
    assert_verdict(&body, &external(), ResetSession, E::Flags(kind));
}

#[test]
fn section_7_11_prefixes_in_mp_reach_that_overrun_reset() {
    let mut value = mp_reach_value();
    value.pop();
    let body = update(&[], &[attribute(0x80, 14, &value), mandatory()].concat(), &[]);
    let error = E::Optional(AttributeType::MP_REACH_NLRI);
    assert_verdict(&body, &external(), ResetSession, error);
}

#[test]
fn section_7_12_an_mp_unreach_that_is_cut_or_overruns_resets() {
    let error = E::Optional(AttributeType::MP_UNREACH_NLRI);
    for value in [&[0, 2][..], &[0, 2, 1, 64, 0x20], &[0, 2, 1, 129]] {
        let body = update(&[], &attribute(0x80, 15, value), &[]);
        assert_verdict(&body, &external(), ResetSession, error);
    }
}

#[test]
fn section_7_13_as4_attributes_from_a_new_speaker_are_discarded() {
    let kind = AttributeType::AS4_PATH;
    let sound = attribute(0xC0, 17, &[2, 1, 0, 0, 0, 1]);
    assert_external(&sound, AttributeDiscard, E::Optional(kind));
}

#[test]
fn section_7_13_a_malformed_as4_path_or_as4_aggregator_is_discarded() {
    let old = DecodeContext::default();
    let base = [origin(), attribute(0x40, 2, &[2, 1, 0, 1]), next_hop()].concat();
    for (kind, value) in [
        (AttributeType::AS4_PATH, &[2, 2, 0, 0, 0, 1][..]),
        (AttributeType::AS4_PATH, &[]),
        (AttributeType::AS4_PATH, &[3, 1, 0, 0, 0, 1]),
        (AttributeType::AS4_AGGREGATOR, &[0; 7]),
        (AttributeType::AS4_AGGREGATOR, &[0; 8]),
    ] {
        let attributes = [&base[..], &attribute(0xC0, kind.0, value)].concat();
        let body = update(&[], &attributes, &HOST);
        assert_verdict(&body, &old, AttributeDiscard, E::Optional(kind));
    }
}

#[test]
fn section_7_14_extended_communities_not_a_multiple_of_8_or_empty_withdraw() {
    let error = E::Length(AttributeType::EXTENDED_COMMUNITIES);
    assert_external(&attribute(0xC0, 16, &[0; 9]), TreatAsWithdraw, error);
    assert_external(&attribute(0xC0, 16, &[]), TreatAsWithdraw, error);
}

#[test]
fn section_7_15_ipv6_extended_communities_not_a_multiple_of_20_or_empty_withdraw() {
    let error = E::Length(AttributeType::IPV6_EXTENDED_COMMUNITIES);
    assert_external(&attribute(0xC0, 25, &[0; 8]), TreatAsWithdraw, error);
    assert_external(&attribute(0xC0, 25, &[]), TreatAsWithdraw, error);
}

#[test]
fn rfc8092_large_communities_not_a_multiple_of_12_or_empty_withdraw() {
    let error = E::Length(AttributeType::LARGE_COMMUNITIES);
    assert_external(&attribute(0xC0, 32, &[0; 8]), TreatAsWithdraw, error);
    assert_external(&attribute(0xC0, 32, &[]), TreatAsWithdraw, error);
}

#[test]
fn rfc9234_an_only_to_customer_of_wrong_length_withdraws() {
    let error = E::Length(AttributeType::ONLY_TO_CUSTOMER);
    assert_external(&attribute(0xC0, 35, &[0; 3]), TreatAsWithdraw, error);
}

#[test]
fn rfc7311_rfc8669_rfc9552_empty_aigp_prefix_sid_and_bgp_ls_are_discarded() {
    for (flags, kind) in [
        (0x80, AttributeType::AIGP),
        (0xC0, AttributeType::PREFIX_SID),
        (0x80, AttributeType::BGP_LS),
    ] {
        let attribute = attribute(flags, kind.0, &[]);
        assert_external(&attribute, AttributeDiscard, E::Length(kind));
    }
}

#[test]
fn section_5_3_prefixes_in_the_body_that_are_too_long_or_overrun_reset_with_3_10() {
    for nlri in [&[33, 10, 0, 0, 0, 1][..], &[24, 10, 0], &[32, 10, 0, 0, 1, 8]] {
        let body = update(&[], &mandatory(), nlri);
        assert_verdict(&body, &external(), ResetSession, E::NetworkField);
        assert_eq!(told(&body, &external()), (3, 10, vec![]));
        let body = update(nlri, &[], &[]);
        assert_verdict(&body, &external(), ResetSession, E::NetworkField);
    }
}

#[test]
fn section_5_2_a_withdraw_without_reachable_prefixes_becomes_a_reset() {
    let bad_origin = attribute(0x40, 1, &[7]);
    let body = update(&[], &bad_origin, &[]);
    assert_verdict(&body, &external(), ResetSession, E::InvalidOrigin);
    assert_eq!(told(&body, &external()), (3, 6, bad_origin.clone()));
    let body = update(&HOST, &bad_origin, &[]);
    assert_verdict(&body, &external(), ResetSession, E::InvalidOrigin);
}

#[test]
fn section_5_2_a_discard_without_reachable_prefixes_stays_a_discard() {
    let body = update(&HOST, &attribute(0x40, 6, &[1]), &[]);
    let error = E::Length(AttributeType::ATOMIC_AGGREGATE);
    assert_verdict(&body, &external(), AttributeDiscard, error);
}

#[test]
fn section_5_2_an_end_of_rib_and_a_plain_withdraw_are_sound() {
    let context = external();
    let end = update(&[], &[], &[]);
    let update_v4 = Update::decode(&end, &context);
    assert_eq!(update_v4.end_of_rib(), Some(Family::IPV4_UNICAST));
    let end = update(&[], &attribute(0x80, 15, &[0, 2, 1]), &[]);
    let update_v6 = Update::decode(&end, &context);
    assert_eq!(update_v6.end_of_rib(), Some(Family::IPV6_UNICAST));
    let body = update(&HOST, &[], &[]);
    let withdraw = Update::decode(&body, &context);
    assert_eq!((withdraw.verdict(), withdraw.end_of_rib()), (Verdict::Accept, None));
}

#[test]
fn rfc4271_5_unknown_optional_attributes_are_carried_if_transitive_and_else_passed_over() {
    let transitive = attribute(0xC0, 222, b"kept");
    let other = attribute(0x80, 223, b"dropped");
    let body = update(&[], &[mandatory(), transitive, other].concat(), &HOST);
    let context = external();
    let update = Update::decode(&body, &context);
    assert_eq!(update.verdict(), Verdict::Accept);
    let carried: Vec<_> = update
        .attributes()
        .filter_map(|attribute| match attribute {
            PathAttribute::Other(raw) => Some((raw.kind.0, raw.value.to_vec())),
            _ => None,
        })
        .collect();
    assert_eq!(carried, [(222, b"kept".to_vec())]);
}

#[test]
fn rfc4271_6_3_an_unknown_well_known_attribute_withdraws() {
    let error = E::UnrecognizedWellKnown(AttributeType(222));
    assert_external(&attribute(0x40, 222, &[1]), TreatAsWithdraw, error);
}

#[test]
fn section_2_of_several_errors_the_strongest_decides() {
    let discard = attribute(0x40, 6, &[1]);
    let withdraw = attribute(0xC0, 8, &[0; 3]);
    let both = [discard, withdraw].concat();
    assert_external(&both, TreatAsWithdraw, E::Length(AttributeType::COMMUNITIES));
    let body = update(&[], &[mandatory(), both].concat(), &[24, 10]);
    assert_verdict(&body, &external(), ResetSession, E::NetworkField);
}

#[test]
fn rfc4760_7_a_family_that_was_not_negotiated_is_passed_over() {
    let context = DecodeContext::new(false, &[Family::IPV4_UNICAST]);
    let body = update(&[], &[mp_reach(), origin(), as_path()].concat(), &[]);
    let update = Update::decode(&body, &context);
    assert_eq!(update.verdict(), Verdict::Accept);
    assert!(update.mp_reach().is_none());
    assert_eq!(update.reachable().flat_map(|nlri| nlri.prefixes()).count(), 0);
}

#[test]
fn rfc8950_an_ipv6_next_hop_for_ipv4_needs_the_capability() {
    let mut value = mp_reach_value();
    value.truncate(21);
    value[1] = 1;
    value.extend_from_slice(&HOST);
    let attributes = [attribute(0x80, 14, &value), origin(), as_path()].concat();
    let body = update(&[], &attributes, &[]);
    let error = E::Optional(AttributeType::MP_REACH_NLRI);
    assert_verdict(&body, &external(), ResetSession, error);
    let mut extended = external();
    extended.families[0].extended_next_hop = true;
    let update = Update::decode(&body, &extended);
    assert_eq!(update.verdict(), Verdict::Accept);
    assert_eq!(update.reachable().flat_map(|nlri| nlri.prefixes()).count(), 1);
}

#[test]
fn rfc7911_path_identifiers_are_in_all_four_fields() {
    let context = with_path_ids(external());
    let path = [&[0, 0, 0, 9][..], &HOST].concat();
    let mut reach = mp_reach_value();
    reach.splice(21..21, [0, 0, 0, 7]);
    let unreach = [&[0, 2, 1, 0, 0, 0, 8][..], &[32, 0x20, 0x01, 0x0d, 0xb8]].concat();
    let attributes = [attribute(0x80, 14, &reach), attribute(0x80, 15, &unreach), mandatory()];
    let body = update(&path, &attributes.concat(), &path);
    let update = Update::decode(&body, &context);
    assert_eq!(update.verdict(), Verdict::Accept);
    let ids = |fields: Vec<vipcast_bgp_proto::wire::Nlri<'_>>| -> Vec<u32> {
        fields.iter().flat_map(|nlri| nlri.prefixes()).map(|(id, _)| id).collect()
    };
    assert_eq!(ids(update.reachable().collect()), [9, 7]);
    assert_eq!(ids(update.unreachable().collect()), [9, 8]);
}
