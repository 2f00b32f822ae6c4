//! Whether the destinations of OTLP answer.

use super::Finding;
use crate::settings::Settings;

const SUBJECT: &str = "otlp";

pub(super) fn look(settings: &Settings, _offline: bool, findings: &mut Vec<Finding>) {
    let Some(_destinations) = &settings.otlp.destinations else {
        findings.push(Finding::ok(
            SUBJECT,
            "no endpoint is set here: nothing is sent, unless the program's code names one",
        ));
        return;
    };
}
