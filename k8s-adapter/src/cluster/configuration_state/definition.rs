use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `spec` of a `ConfigurationState`: nothing.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, CustomResource, JsonSchema,
)]
#[kube(
    group = "metallb.io",
    version = "v1beta1",
    kind = "ConfigurationState",
    root = "ConfigurationStateDefinition",
    namespaced,
    status = "ConfigurationStateStatus",
    doc = "Whether pools and advertisements are valid, as the controller or one speaker sees it.",
    printcolumn(name = "Result", type_ = "string", json_path = ".status.result"),
    printcolumn(name = "Error Summary", type_ = "string", json_path = ".status.errorSummary")
)]
pub(crate) struct ConfigurationStateSpec {}

/// The `status` of a `ConfigurationState`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfigurationStateStatus {
    /// Whether everything is valid; `Unknown` where it cannot be read.
    pub(crate) result: Verdict,
    /// What is wrong, and with which object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error_summary: Option<String>,
    /// The same, with the time from which on it is so.
    #[serde(default)]
    #[schemars(extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["type"]
    ))]
    pub(crate) conditions: Vec<StateCondition>,
}

/// Whether it is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub(crate) enum Verdict {
    Valid,
    Invalid,
    Unknown,
}

/// One condition of a `ConfigurationState`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateCondition {
    /// `poolReconcilerValid` of the controller, `configReconcilerValid` of a speaker.
    #[serde(rename = "type")]
    pub(crate) condition_type: String,
    /// `True`, `False` or `Unknown`.
    pub(crate) status: String,
    /// `Reconciled`, `ConfigurationError` or `InfraError`.
    pub(crate) reason: String,
    /// What is wrong.
    pub(crate) message: String,
    /// From when on the status is so.
    #[schemars(extend("format" = "date-time"))]
    pub(crate) last_transition_time: String,
}
