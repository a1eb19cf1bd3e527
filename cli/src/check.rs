use std::process::ExitCode;

use anstream::println;
use anstyle::{AnsiColor, Style};
use vipcast_k8s_adapter::{Diagnostic, Severity, check};

use crate::{args::CheckArgs, options::Output};

pub(crate) fn run(args: &CheckArgs) -> ExitCode {
    let found = check(&args.manifests, &args.manifest_options.options());
    for diagnostic in &found {
        match args.output {
            Output::Text => println!("{}", coloured(diagnostic)),
            Output::Json => println!("{}", serde_json::json!(diagnostic)),
        }
    }
    let errors = found.iter().filter(|diagnostic| diagnostic.is_error()).count();
    if args.output == Output::Text {
        println!("{}", summary(&found, errors));
    }
    if errors > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn coloured(diagnostic: &Diagnostic) -> String {
    let colour = match diagnostic.severity {
        Severity::Error => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Notice => AnsiColor::Cyan,
    };
    let style = Style::new().fg_color(Some(colour.into()));
    let severity = diagnostic.severity.to_string();
    diagnostic.to_string().replacen(&severity, &format!("{style}{severity}{style:#}"), 1)
}

fn summary(found: &[Diagnostic], errors: usize) -> String {
    let count = |severity| found.iter().filter(|d| d.severity == severity).count();
    let plural = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    format!(
        "{}, {}, {}",
        plural(errors, "error"),
        plural(count(Severity::Warning), "warning"),
        plural(count(Severity::Notice), "notice")
    )
}
