//! Refused metric writes as problems: what, and what to do.

use radiosonde_metrics::{Reason, Refusal};

use crate::problem::Problem;

/// The problem of the first refusal of a metric for a reason.
pub(crate) fn problem(refusal: &Refusal) -> Problem {
    Problem::new(text(refusal), fix(refusal.reason))
}

/// Without the count, which goes on growing: the report has it.
fn text(refusal: &Refusal) -> String {
    let reason = refusal.example.as_deref().unwrap_or(refusal.reason.as_str());
    let module = refusal.module.as_deref().map(|module| format!(" (in {module})"));
    format!(
        "writes to metric `{}` are refused: {reason}{}",
        refusal.metric,
        module.unwrap_or_default()
    )
}

fn fix(reason: Reason) -> &'static str {
    match reason {
        Reason::Unregistered => "add the metric to the registry, or remove the write",
        Reason::TypeMismatch => "write it as the type the registry says, or register a new name",
        Reason::ForeignSource => "leave the metric to its source, or set its source to app",
        Reason::LabelUndeclared => "declare the label for the metric in the registry, or drop it",
        Reason::LabelMissing => "give every label the registry declares for the metric",
        Reason::LabelValue => "use a value of the registry's list or pattern, or extend it",
        Reason::LabelShape => "put ids and free text on events and spans, not in metric labels",
        Reason::SeriesCap => {
            "find the label that explodes, or give the metric a higher limit in a registry"
        }
        Reason::NamespaceCap => {
            "find the label that explodes, or give the crate a higher series_limit, or the policy \
             `allow`, under `modules` in the registry"
        }
        Reason::NameTaken => "rename one of the two, or refuse the crate of one under `modules`",
        Reason::Computed => "remove the write: it follows from the metric it is computed from",
        Reason::Value => "check the value before it is written",
        _ => "correct the write; the reference of radiosonde-metrics lists what is allowed",
    }
}
