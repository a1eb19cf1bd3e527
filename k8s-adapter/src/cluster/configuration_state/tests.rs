use super::*;
use crate::{Place, Problem, Severity};

fn finding(severity: Severity, name: &str, why: &str) -> Diagnostic {
    Diagnostic {
        severity,
        place: Place::file("cluster"),
        object: Some(format!("IPAddressPool metallb-system/{name}")),
        field: None,
        problem: Problem::Malformed { why: why.to_owned() },
    }
}

#[test]
fn faults_are_told_with_their_objects_and_warnings_are_none() {
    let warning = finding(Severity::Warning, "odd", "strange");
    assert_eq!(Judgement::new([&warning], None), Judgement::Valid);
    let errors = [finding(Severity::Error, "b", "wrong"), finding(Severity::Error, "a", "bad")];
    let Judgement::Invalid(summary) = Judgement::new(&errors, Some("away".to_owned())) else {
        panic!("errors are errors, whatever else cannot be read")
    };
    let lines: Vec<&str> = summary.lines().collect();
    assert_eq!(lines.len(), 2, "{summary}");
    assert!(lines[0].starts_with("IPAddressPool metallb-system/a: "), "{summary}");
    assert!(lines[0].contains("bad") && lines[1].contains("wrong"), "{summary}");
    let away = Judgement::new([&warning], Some("IPAddressPool: away".to_owned()));
    assert_eq!(away, Judgement::Unknown("IPAddressPool: away".to_owned()));
}

#[test]
fn a_summary_is_bounded_and_says_how_much_is_left_out() {
    let errors: Vec<Diagnostic> =
        (0..1_000).map(|n| finding(Severity::Error, &format!("pool-{n:04}"), "wrong")).collect();
    let Judgement::Invalid(summary) = Judgement::new(&errors, None) else { panic!("errors") };
    assert!(summary.len() < LONGEST + 20, "{}", summary.len());
    let told = summary.lines().count() - 1;
    assert!(summary.ends_with(&format!("and {} more", 1_000 - told)), "{summary}");
    let long = finding(Severity::Error, "pool", &"ä".repeat(5_000));
    let Judgement::Invalid(summary) = Judgement::new([&long], None) else { panic!("an error") };
    assert_eq!(summary.chars().count(), LONGEST);
}

#[test]
fn a_condition_keeps_its_time_while_its_status_stays() {
    let invalid = |why: &str| Judgement::Invalid(why.to_owned());
    let first = invalid("a").status("poolReconcilerValid", None, 1_800_000_000);
    assert_eq!(first.conditions[0].last_transition_time, "2027-01-15T08:00:00Z");
    let other = invalid("b").status("poolReconcilerValid", Some(&first), 1_800_000_060);
    assert_eq!(other.error_summary.as_deref(), Some("b"));
    assert_eq!(other.conditions[0].last_transition_time, "2027-01-15T08:00:00Z");
    let same = invalid("b").status("poolReconcilerValid", Some(&other), 1_800_000_120);
    assert_eq!(same, other, "nothing is to be written");
    let valid = Judgement::Valid.status("poolReconcilerValid", Some(&same), 1_800_000_120);
    assert_eq!(valid.conditions[0].last_transition_time, "2027-01-15T08:02:00Z");
    assert_eq!(valid.error_summary, None);
}
