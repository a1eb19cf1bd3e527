//! Rights that are granted, and those that are used.

use std::collections::BTreeSet;

use vipcast_lab::{
    harness::TestResult,
    kube::{Call, Installed, NAMESPACE, granted},
};

use crate::support::{Outcome, eventually};

/// The account's calls were all allowed, and each right of its roles was used.
pub(crate) fn rights(cluster: &Installed, account: &str, role: &str) -> TestResult {
    let root = "/apis/rbac.authorization.k8s.io/v1";
    let of_cluster = cluster.api().get(&format!("{root}/clusterroles/{role}"))?;
    let of_namespace = cluster.api().get(&format!("{root}/namespaces/{NAMESPACE}/roles/{role}"))?;
    let mut rights = granted(&of_cluster["rules"]);
    rights.extend(granted(&of_namespace["rules"]));
    let user = format!("system:serviceaccount:{NAMESPACE}:{account}");
    let used = || -> Outcome<BTreeSet<String>> {
        let calls = cluster.audit().calls()?.into_iter().filter(|call| call.user == user);
        let calls: Vec<_> = calls.filter(|call| call.answer.is_some()).collect();
        let refused: Vec<_> = calls.iter().filter(|call| call.forbidden()).collect();
        assert!(refused.is_empty(), "{refused:#?}");
        Ok(calls.iter().map(Call::right).collect())
    };
    eventually("the use of every right", || {
        let used = used()?;
        let unused: Vec<_> = rights.difference(&used).collect();
        if unused.is_empty() {
            Ok(())
        } else {
            Err(format!("granted and unused: {unused:?}").into())
        }
    })
}
