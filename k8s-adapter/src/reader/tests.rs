use super::*;

fn read(text: &str) -> FileContent {
    FileContent::read("file.yaml", text)
}

fn lines(content: &FileContent) -> Vec<String> {
    content.diagnostics.iter().map(Diagnostic::to_string).collect()
}

fn keys(content: &FileContent) -> Vec<String> {
    content.manifests.iter().map(|manifest| manifest.key.to_string()).collect()
}

const POOL: &str = "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata:\n  name: a\n";

#[test]
fn the_quick_start_reads_without_a_word() {
    for file in ["metallb.yaml", "services.yaml"] {
        let path = format!("{}/../examples/quickstart/{file}", env!("CARGO_MANIFEST_DIR"));
        let content = read(&std::fs::read_to_string(path).unwrap());
        assert_eq!(lines(&content), Vec::<String>::new());
        assert_eq!(content.manifests.len(), 2);
    }
}

#[test]
fn a_malformed_document_names_its_place_and_does_not_stop_the_others() {
    let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\nkind: [\n---\n\
                apiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n";
    let content = read(text);
    assert_eq!(keys(&content), ["Namespace a", "Namespace b"]);
    assert_eq!(content.diagnostics.len(), 1);
    let place = &content.diagnostics[0].place;
    assert_eq!((&*place.file, place.document, place.line), ("file.yaml", 2, 5));
}

#[test]
fn a_value_of_the_wrong_type_names_its_field() {
    let rows = [
        ("spec:\n  addresses: 10.0.0.0/24\n", "spec.addresses", 6, "a list is expected here"),
        ("spec:\n  autoAssign: perhaps\n", "spec.autoAssign", 6, "true or false is expected here"),
        ("spec: text\n", "spec", 5, "fields are expected here"),
        (
            "spec:\n  serviceAllocation:\n    priority: high\n",
            "spec.serviceAllocation.priority",
            7,
            "a whole number is expected here",
        ),
    ];
    for (spec, field, line, message) in rows {
        let content = read(&format!("{POOL}{spec}"));
        assert_eq!(content.manifests.len(), 0, "{spec}");
        let diagnostic = &content.diagnostics[0];
        assert_eq!(diagnostic.severity, Severity::Error);
        assert_eq!(diagnostic.field.as_deref(), Some(field));
        assert_eq!(diagnostic.place.line, line);
        assert_eq!(diagnostic.object.as_deref(), Some("IPAddressPool a"));
        assert_eq!(diagnostic.message(), message);
    }
}

#[test]
fn a_number_is_no_label_and_null_is_no_text() {
    let text = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  labels:\n    x: 1\n";
    let content = read(text);
    assert_eq!(content.diagnostics[0].field.as_deref(), Some("metadata.labels.x"));
    assert_eq!(content.diagnostics[0].message(), "`1` is no text; write \"1\" with quotes");
    let text = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  creationTimestamp: null\n  labels: {x: null}\n";
    let content = read(text);
    assert_eq!(lines(&content), Vec::<String>::new());
    assert_eq!(content.manifests[0].resource.metadata().labels.get("x"), Some(""));
}

#[test]
fn a_misspelt_field_is_found_and_corrected() {
    let text = format!("{POOL}spec:\n  addresses: [10.0.0.0/24]\n  autoAsign: false\n");
    let content = read(&text);
    assert_eq!(
        lines(&content),
        [
            "file.yaml:7:3: warning: IPAddressPool a: spec.autoAsign: there is no field `autoAsign`; \
             did you mean `autoAssign`?"
        ]
    );
    assert_eq!(content.manifests.len(), 1);

    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  loadBalancerIp: 10.0.0.1\n  \
                sessionAffinity: None\n  ports: [{port: 80, prot: TCP, nodePort: 30000}]\n";
    let content = read(text);
    let fields: Vec<_> =
        content.diagnostics.iter().map(|d| (d.field.as_deref(), d.hint())).collect();
    assert_eq!(
        fields,
        [
            (Some("spec.loadBalancerIp"), Some("did you mean `loadBalancerIP`?".to_owned())),
            (Some("spec.ports[0].prot"), Some("did you mean `port`?".to_owned())),
        ]
    );
}

#[test]
fn fields_that_the_schema_has_and_nobody_uses_pass_in_silence() {
    let text = r"
apiVersion: v1
kind: Service
metadata:
  name: s
  uid: 1c0ffee0-0000-0000-0000-000000000000
  resourceVersion: '12'
  managedFields: [{manager: kubectl, fieldsV1: {'f:spec': {}}}]
  ownerReferences: []
spec:
  type: LoadBalancer
  clusterIP: 10.96.0.7
  clusterIPs: [10.96.0.7]
  allocateLoadBalancerNodePorts: true
  internalTrafficPolicy: Cluster
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 10800}}
  healthCheckNodePort: 31000
  ports: [{name: http, port: 80, targetPort: http, nodePort: 30080, appProtocol: http}]
status:
  conditions: []
  loadBalancer:
    ingress: [{ip: 10.0.0.1, ipMode: VIP}, {hostname: example.org}]
";
    assert_eq!(lines(&read(text)), Vec::<String>::new());
}

#[test]
fn kinds_that_are_not_read_are_skipped_with_a_notice() {
    let rows = [
        ("apps/v1", "Deployment", Severity::Notice, "unknownKind", None),
        ("v1", "ServiceAccount", Severity::Notice, "unknownKind", None),
        ("v1", "Servise", Severity::Notice, "unknownKind", Some("did you mean Service?")),
        ("metallb.io/v1beta2", "BGPPeer", Severity::Notice, "notYetSupported", None),
        ("metallb.io/v1beta1", "Community", Severity::Notice, "notYetSupported", None),
        (
            "metallb.io/v1beta2",
            "IPAddressPool",
            Severity::Error,
            "unknownVersion",
            Some("write metallb.io/v1beta1"),
        ),
        ("serving.knative.dev/v1", "Service", Severity::Notice, "unknownKind", None),
    ];
    for (version, kind, severity, code, hint) in rows {
        let content =
            read(&format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n"));
        assert!(content.manifests.is_empty());
        let [diagnostic] = content.diagnostics.as_slice() else { panic!("one for {kind}") };
        assert_eq!((diagnostic.severity, diagnostic.problem.code()), (severity, code), "{kind}");
        assert_eq!(diagnostic.hint().as_deref(), hint, "{kind}");
    }
}

#[test]
fn an_object_without_kind_or_name_is_refused() {
    let content = read(
        "kind: Service\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Service\nmetadata: {}\n",
    );
    let codes: Vec<_> = content.diagnostics.iter().map(|d| d.problem.code()).collect();
    assert_eq!(codes, ["noKind", "noName"]);
}

#[test]
fn a_name_is_a_dns_name() {
    let object = |name: &str, namespace: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name:?}, namespace: {namespace:?}}}\n"
        );
        read(&text)
    };
    for (name, namespace) in [("my-service.v1", "default"), ("1st", "kube-system"), ("a", "")] {
        assert_eq!(lines(&object(name, namespace)), Vec::<String>::new());
    }
    let long = "a".repeat(254);
    for name in ["a/b", "A", "-a", "a-", "a..b", "two words", "ü", "a\n", long.as_str()] {
        let content = object(name, "default");
        assert!(content.manifests.is_empty(), "{name}");
        assert_eq!(content.diagnostics[0].problem.code(), "badName");
        assert_eq!(content.diagnostics[0].field.as_deref(), Some("metadata.name"));
    }
    assert_eq!(object("a", "b/c").diagnostics[0].field.as_deref(), Some("metadata.namespace"));
}

#[test]
fn a_nest_of_brackets_exhausts_nothing() {
    let content = read(&"[".repeat(200_000));
    assert_eq!(content.diagnostics.len(), 1);
    assert!(content.diagnostics[0].is_error());
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", "));
    }
    text += "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: *a11\n";
    assert!(read(&text).manifests.is_empty());
}

#[test]
fn json_and_lists_are_read_and_places_hold() {
    let json = r#"{"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}},
  {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"type": 7}},
  {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b", "labls": {}}}
]}"#;
    let content = read(json);
    assert_eq!(keys(&content), ["Namespace a", "Namespace b"]);
    let places: Vec<_> =
        content.diagnostics.iter().map(|d| (d.place.line, d.field.as_deref().unwrap())).collect();
    assert_eq!(places, [(3, "spec.type"), (4, "metadata.labls")]);
    assert_eq!(content.manifests[1].place.line, 4);

    let yaml = "# dump\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  \
                metadata:\n    name: a\n- apiVersion: v1\n  kind: Namespace\n  metadata:\n    nam: b\n    name: b\n";
    let content = read(yaml);
    assert_eq!(keys(&content), ["Namespace a", "Namespace b"]);
    assert_eq!((content.manifests[1].place.line, content.manifests[1].place.column), (9, 3));
    assert_eq!((content.diagnostics[0].place.line, content.diagnostics[0].place.column), (12, 5));
}

#[test]
fn a_diagnostic_stays_on_its_line_whatever_the_manifest_holds() {
    let content =
        read("apiVersion: v1\nkind: \"Evil\\n2026 all is well\\e[31m\"\nmetadata: {name: a}\n");
    let line = content.diagnostics[0].to_string();
    assert!(!line.chars().any(char::is_control), "{line:?}");
}

#[test]
fn a_diagnostic_for_machines_has_every_part() {
    let content = read(&format!("{POOL}spec:\n  addresses: [10.0.0.0/24]\n  autoAsign: false\n"));
    assert_eq!(
        serde_json::to_value(&content.diagnostics[0]).unwrap(),
        serde_json::json!({
            "severity": "warning", "file": "file.yaml", "document": 1, "line": 7, "column": 3,
            "object": "IPAddressPool a", "field": "spec.autoAsign", "code": "unknownField",
            "message": "there is no field `autoAsign`", "hint": "did you mean `autoAssign`?",
        })
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\PC|[-:#{}\\[\\]\n ,\"'&*|>%]){0,120}") {
        read(&text);
    }

    #[test]
    fn no_prefix_of_a_list_makes_the_reader_panic(cut in 0usize..400) {
        let json = "kind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: ü}}\n- apiVersion: v1\n  kind: Service\n  metadata:\n    name: s\n";
        let end = json.char_indices().map(|(at, _)| at).take_while(|at| *at <= cut).last().unwrap_or(0);
        read(&json[..end]);
    }
}
