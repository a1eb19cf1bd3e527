use super::*;

#[test]
fn every_field_has_the_place_of_its_key_and_of_its_value() {
    let text = "kind: Service\nspec:\n  ports:\n  - port: 80\n    name: a\n  - port: 81\n";
    let (positions, items) = Positions::of(text, 10);
    assert_eq!(positions.of_field("kind"), (10, 1));
    assert_eq!(positions.of_value("kind"), (10, 7));
    assert_eq!(positions.of_value("spec.ports[1].port"), (15, 11));
    assert_eq!(positions.of_field("spec.ports[0].name"), (14, 5));
    assert!(items.is_empty());
}

#[test]
fn a_missing_field_has_the_place_of_the_one_above() {
    let (positions, _) = Positions::of("spec:\n  a: 1\n", 1);
    assert_eq!(positions.of_field("spec.b.c[3]"), (1, 1));
    assert_eq!(positions.of_field("status"), (1, 1));
}

#[test]
fn a_place_leads_back_to_its_field() {
    let (positions, _) = Positions::of("spec:\n  ports:\n  - port: x\n", 1);
    assert_eq!(positions.field_at((3, 11)), Some("spec.ports[0].port"));
    assert_eq!(positions.field_at((2, 3)), Some("spec"));
}

#[test]
fn the_items_of_a_list_are_found_in_block_and_flow_form() {
    let text = "kind: List\nitems:\n- kind: A\n  x: 1\n- kind: B\n";
    let (_, items) = Positions::of(text, 1);
    let texts: Vec<_> = items.into_iter().map(|range| text[range].trim().to_owned()).collect();
    assert_eq!(texts, ["kind: A\n  x: 1", "kind: B"]);

    let text = r#"{"kind": "List", "items": [{"kind": "A"}, {"kind": "B", "items": [{}]}]}"#;
    let (_, items) = Positions::of(text, 1);
    let texts: Vec<_> = items.into_iter().map(|range| &text[range]).collect();
    assert_eq!(texts, [r#"{"kind": "A"}"#, r#"{"kind": "B", "items": [{}]}"#]);
}

#[test]
fn keys_that_are_no_plain_words_are_quoted() {
    assert_eq!(
        join("metadata.annotations", "metallb.io/address-pool"),
        r#"metadata.annotations["metallb.io/address-pool"]"#
    );
    assert_eq!(
        parent(r#"metadata.annotations["metallb.io/address-pool"]"#),
        "metadata.annotations"
    );
    assert_eq!(parent("spec.ports[0].port"), "spec.ports[0]");
    assert_eq!(parent("spec.ports[0]"), "spec.ports");
    assert_eq!(without_indices("spec.ports[12].port"), "spec.ports[].port");
}

#[test]
fn broken_text_has_the_positions_up_to_the_break() {
    let (positions, _) = Positions::of("a: 1\nb: [\n", 1);
    assert_eq!(positions.of_value("a"), (1, 4));
}
