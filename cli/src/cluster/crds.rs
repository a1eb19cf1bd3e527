use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Result;
use clap::{Args, ValueEnum};
use vipcast_k8s_adapter::cluster::crds;

/// Print the CustomResourceDefinitions of the kinds that are read
///
/// They are MetalLB's. Where MetalLB is installed already its own serve as well, and must not be
/// replaced: they have more kinds.
///
///   vipcast crds | kubectl apply -f -
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct CrdsArgs {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Form {
    /// YAML documents
    #[default]
    Yaml,
    /// A JSON list
    Json,
}

pub(crate) fn run(args: &CrdsArgs) -> Result<ExitCode> {
    let crds = crds();
    let text = match args.output {
        Form::Json => serde_json::to_string_pretty(&crds)? + "\n",
        Form::Yaml => {
            let mut text = String::new();
            for crd in &crds {
                text.push_str("---\n");
                text.push_str(&serde_saphyr::to_string(crd)?);
            }
            text
        }
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
