use std::{collections::BTreeMap, path::Path, process::ExitCode};

use anstream::{eprintln, println};
use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets};
use serde_json::{Value, json};
use vipcast_ipam::Owner;
use vipcast_k8s_adapter::{
    Diagnostic,
    assigner::{Outcome, assign},
    folder,
    state::StateFolder,
};
use vipcast_plan::intent::Assignment;

use crate::{args::PlanArgs, options::Output};

pub(crate) fn run(args: &PlanArgs) -> Result<ExitCode> {
    let recorded = match &args.state {
        Some(state) => recorded(state)?,
        None => BTreeMap::new(),
    };
    let options = args.manifest_options.options();
    let snapshot = folder::read(&args.manifests, &options);
    if snapshot.folder.is_none() {
        let found: Vec<String> = snapshot.diagnostics.iter().map(ToString::to_string).collect();
        bail!("{}: {}", args.manifests.display(), found.join("; "));
    }
    let mut translation = snapshot.translate(&options);
    let (assigned, outcomes) = assign(&mut translation, &recorded);
    let mut found = snapshot.diagnostics;
    found.extend(translation.diagnostics);

    let mut rows: BTreeMap<Owner, Row> = BTreeMap::new();
    for owner in &translation.order {
        let assignment = assigned.get(owner).cloned();
        rows.insert(owner.clone(), Row { assignment, refused: None });
    }
    for outcome in outcomes {
        if let Outcome::Refused { service, why } = outcome {
            let reason = json!(why)["reason"].as_str().unwrap_or("refused").to_owned();
            let refused = Some(Refused { reason, message: why.to_string() });
            rows.entry(service).or_default().refused = refused;
        }
    }
    for (owner, refused) in found.iter().filter_map(refused_service) {
        rows.entry(owner).or_insert(Row { assignment: None, refused: Some(refused) });
    }
    match args.output {
        Output::Json => println!("{}", as_json(&rows, &found)),
        Output::Text => {
            println!("{}", as_table(&rows));
            // What is wrong with a service stands in the table already.
            for diagnostic in found.iter().filter(|found| refused_service(found).is_none()) {
                eprintln!("{diagnostic}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What one service gets, and what it does not.
#[derive(Debug, Default)]
struct Row {
    assignment: Option<Assignment>,
    refused: Option<Refused>,
}

#[derive(Debug)]
struct Refused {
    reason: String,
    message: String,
}

/// The assignments that are written in a state folder; none if there is no such folder yet.
fn recorded(state: &Path) -> Result<BTreeMap<Owner, Assignment>> {
    if !state.exists() {
        return Ok(BTreeMap::new());
    }
    let folder = StateFolder::open(state, "plan")?;
    let written = folder.load().context("what is assigned cannot be read")?;
    Ok(written.services)
}

/// The service that a finding refuses.
fn refused_service(diagnostic: &Diagnostic) -> Option<(Owner, Refused)> {
    let owner = diagnostic.object.as_deref()?.strip_prefix("Service ")?.parse().ok()?;
    let (reason, message) = (diagnostic.problem.code().to_owned(), diagnostic.to_string());
    diagnostic.is_error().then_some((owner, Refused { reason, message }))
}

fn as_json(rows: &BTreeMap<Owner, Row>, found: &[Diagnostic]) -> Value {
    let service = |(owner, row): (&Owner, &Row)| {
        let held = row.assignment.iter().flat_map(|assignment| &assignment.addresses);
        let addresses: Vec<Value> = held.clone().map(|(address, _)| json!(address)).collect();
        let pool = held.map(|(_, pool)| pool.as_str()).next();
        let refused = row
            .refused
            .as_ref()
            .map(|refused| json!({ "reason": refused.reason, "message": refused.message }));
        json!({
            "namespace": owner.namespace(),
            "name": owner.name(),
            "addresses": addresses,
            "pool": pool,
            "refused": refused,
        })
    };
    let services: Vec<Value> = rows.iter().map(service).collect();
    json!({ "services": services, "diagnostics": found })
}

fn as_table(rows: &BTreeMap<Owner, Row>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["SERVICE", "ADDRESSES", "POOL", "WHY NOT"]);
    for (owner, row) in rows {
        let held: Vec<_> =
            row.assignment.iter().flat_map(|assignment| &assignment.addresses).collect();
        let addresses: Vec<String> = held.iter().map(|(address, _)| address.to_string()).collect();
        let pool = held.first().map_or("", |(_, pool)| pool.as_str());
        let why = row.refused.as_ref().map_or("", |refused| refused.message.as_str());
        table.add_row([&owner.to_string(), &addresses.join(", "), pool, why]);
    }
    table
}
