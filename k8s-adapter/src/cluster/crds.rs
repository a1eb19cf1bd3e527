//! MetalLB's kinds as CustomResourceDefinitions, made from the structs that read them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;

use super::configuration_state::ConfigurationStateDefinition;
use crate::kinds::{IpAddressPoolDefinition, L2AdvertisementDefinition};

/// The kinds that are read and written, as a cluster is to be told of them. Where MetalLB is installed
/// already, its own definitions serve as well.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut all = vec![
        IpAddressPoolDefinition::crd(),
        L2AdvertisementDefinition::crd(),
        ConfigurationStateDefinition::crd(),
    ];
    // An advertisement that says nothing announces all pools, and many are written so. A state asks for
    // nothing.
    for schema in schemas(&mut all[1..]) {
        schema.required = None;
    }
    schemas(&mut all).for_each(tidy);
    // A folder's pool without addresses is told with its place; here the server refuses it.
    for spec in specs(&mut all[..1]) {
        spec.required = Some(vec!["addresses".to_owned()]);
    }
    all
}

fn specs(crds: &mut [CustomResourceDefinition]) -> impl Iterator<Item = &mut JSONSchemaProps> {
    schemas(crds).filter_map(|schema| schema.properties.as_mut()?.get_mut("spec"))
}

fn schemas(crds: &mut [CustomResourceDefinition]) -> impl Iterator<Item = &mut JSONSchemaProps> {
    let versions = crds.iter_mut().flat_map(|crd| &mut crd.spec.versions);
    versions.filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut())
}

/// Takes out what says nothing: an empty list or map as the default is what a missing field means,
/// and so is a null, which a client written in Go never sends.
fn tidy(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    let says_nothing = schema.default.as_ref().is_some_and(|default| match &default.0 {
        serde_json::Value::Null => true,
        serde_json::Value::Array(list) => list.is_empty(),
        serde_json::Value::Object(map) => map.is_empty(),
        _ => false,
    });
    if says_nothing {
        schema.default = None;
    }
    for inner in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        tidy(inner);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(inner)) => tidy(inner),
        Some(JSONSchemaPropsOrArray::Schemas(list)) => list.iter_mut().for_each(tidy),
        None => {}
    }
}

#[cfg(test)]
mod tests;
