use serde_json::{Value, json};

use super::*;

fn schema(kind: &str) -> Value {
    let crd = crds().into_iter().find(|crd| crd.spec.names.kind == kind).unwrap();
    let crd = serde_json::to_value(crd).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

fn fields(schema: &Value) -> Vec<&str> {
    schema["properties"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_fields_of_a_pool_are_those_that_metallb_ships() {
    let schema = schema("IPAddressPool");
    let spec = &schema["properties"]["spec"];
    assert_eq!(fields(spec), ["addresses", "autoAssign", "avoidBuggyIPs", "serviceAllocation"]);
    assert_eq!(schema["required"], json!(["spec"]));
    assert_eq!(spec["required"], json!(["addresses"]));
    assert_eq!(spec["properties"]["autoAssign"]["default"], true);
    assert_eq!(spec["properties"]["avoidBuggyIPs"]["default"], false);
    let allocation = &spec["properties"]["serviceAllocation"];
    assert_eq!(
        fields(allocation),
        ["namespaceSelectors", "namespaces", "priority", "serviceSelectors"]
    );
    assert_eq!(
        fields(&schema["properties"]["status"]),
        ["assignedIPv4", "assignedIPv6", "availableIPv4", "availableIPv6"]
    );
}

#[test]
fn the_fields_of_an_advertisement_are_those_that_metallb_ships() {
    let schema = schema("L2Advertisement");
    assert_eq!(schema.get("required"), None, "one that says nothing announces everything");
    let spec = &schema["properties"]["spec"];
    assert_eq!(
        fields(spec),
        [
            "interfaces",
            "ipAddressPoolSelectors",
            "ipAddressPools",
            "nodeSelectors",
            "preferredNodeSelectors",
            "serviceSelectors"
        ]
    );
    let preferred = &spec["properties"]["preferredNodeSelectors"]["items"];
    assert_eq!(preferred["required"], json!(["preference", "weight"]));
    let selector = &spec["properties"]["nodeSelectors"]["items"];
    assert_eq!(fields(selector), ["matchExpressions", "matchLabels"]);
    assert_eq!(selector["x-kubernetes-map-type"], "atomic");
}

#[test]
fn the_fields_of_a_state_are_those_that_metallb_ships() {
    let schema = schema("ConfigurationState");
    let status = &schema["properties"]["status"];
    assert_eq!(fields(status), ["conditions", "errorSummary", "result"]);
    let verdicts = &status["properties"]["result"]["enum"];
    assert_eq!(*verdicts, json!(["Valid", "Invalid", "Unknown"]));
    let conditions = &status["properties"]["conditions"];
    assert_eq!(conditions["x-kubernetes-list-map-keys"], json!(["type"]));
    assert_eq!(schema.get("required"), None, "an object is made before it says anything");
}

#[test]
fn nothing_may_be_null_that_need_not_be_there() {
    // A null that the server prunes would read back as a change that nobody made.
    for crd in crds() {
        let text = serde_json::to_string(&crd).unwrap();
        assert!(!text.contains("\"nullable\""), "{}: {text}", crd.spec.names.kind);
    }
}
