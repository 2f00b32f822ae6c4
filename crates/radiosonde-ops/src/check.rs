//! What a registry has to answer for on a given day.

use std::path::Path;

use radiosonde_registry::{
    LintAllowance, Place, Registry, RegistryDocument, RegistryError, RegistryErrors, Status,
};

use crate::{Day, expressions};

/// What a check found in one file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Checked {
    /// The file as it was named.
    pub file: String,
    /// How many metrics it declares, when it could be read that far.
    pub metrics: Option<usize>,
    /// What is wrong with it, in the order of the file.
    pub findings: Vec<RegistryError>,
}

/// Checks a registry file: everything the registry itself holds against it and, where that is
/// nothing, deprecations that are over on the day, texts nobody has written yet (`…`) and expressions
/// that do not parse or read what nobody writes.
///
/// # Errors
/// When the file is missing, unreadable, not a regular file, over 4 MiB or not UTF-8.
pub fn check(file: &Path, today: Day) -> Result<Checked, RegistryErrors> {
    RegistryDocument::read(file).map(|document| check_document(&document, today))
}

/// As [`check`], of a document that is read already.
pub fn check_document(document: &RegistryDocument, today: Day) -> Checked {
    let file = document.file().to_owned();
    let registry = match document.registry() {
        Ok(registry) => registry,
        Err(errors) => return Checked { file, metrics: None, findings: errors.0 },
    };
    let mut findings = Findings { document, found: Vec::new(), unlisted: 0, left_off: false };
    deprecations(&registry, today, &mut findings);
    unsaid(&registry, &mut findings);
    expressions::check(&registry, &mut findings);
    let findings = findings.listed();
    Checked { file, metrics: Some(registry.metrics.len()), findings }
}

/// What is found in one document.
pub(crate) struct Findings<'d> {
    document: &'d RegistryDocument,
    found: Vec<RegistryError>,
    unlisted: usize,
    /// Whether something was not even looked at.
    left_off: bool,
}

/// Findings that are listed before the rest is only counted, as in the registry's own report.
const FINDINGS_MAX: usize = 100;

impl Findings<'_> {
    pub(crate) fn add(&mut self, place: &Place, what: String, fix: String) {
        if self.found.len() >= FINDINGS_MAX {
            self.unlisted += 1;
            return;
        }
        self.found.push(self.document.error(place, what, fix));
    }

    /// Whether there is no use in looking any further, which is noted: each look takes time.
    pub(crate) fn leaves_off(&mut self) -> bool {
        self.left_off |= self.found.len() >= FINDINGS_MAX;
        self.left_off
    }

    /// All of them in the order of the file, and how many more there are.
    fn listed(mut self) -> Vec<RegistryError> {
        self.found.sort_by_key(|finding| (finding.line, finding.column));
        if self.unlisted > 0 || self.left_off {
            let what = match (self.unlisted, self.left_off) {
                (unlisted, false) => format!("{unlisted} more problems are not listed"),
                (0, true) => "the rest is not looked at".to_owned(),
                (unlisted, true) => {
                    format!(
                        "{unlisted} more problems are not listed, and the rest is not looked at"
                    )
                }
            };
            let fix = "mend those above first".to_owned();
            self.found.push(self.document.error(&Place::default(), what, fix));
        }
        self.found
    }
}

/// What stands for a text nobody has written yet, as in a draft and in the fixes of lints.
const PLACEHOLDER: &str = "…";

/// A draft can be loaded and compiled against, and is not done before somebody has finished it.
fn unsaid(registry: &Registry, findings: &mut Findings<'_>) {
    let root = Place::default();
    for (index, metric) in registry.metrics.iter().enumerate() {
        let (name, place) = (&metric.name, root.key("metrics").index(index));
        if !metric.help.contains(char::is_alphanumeric) {
            let what = format!("the help of `{name}` says nothing");
            findings.add(
                &place.key("help"),
                what,
                "write one sentence that says what is measured".to_owned(),
            );
        }
        if metric.unit.as_deref().map(str::trim) == Some(PLACEHOLDER) {
            let what = format!("the unit of `{name}` says nothing");
            findings.add(
                &place.key("unit"),
                what,
                "write it, such as \"seconds\", or \"1\" for none".to_owned(),
            );
        }
        reasons(&metric.lint_allow, &place, findings);
    }
    for (name, label) in &registry.labels {
        reasons(&label.lint_allow, &root.key("labels").key(name), findings);
    }
}

fn reasons(allowances: &[LintAllowance], place: &Place, findings: &mut Findings<'_>) {
    for (index, allowance) in allowances.iter().enumerate() {
        if !allowance.reason.contains(char::is_alphanumeric) {
            let place = place.key("lint_allow").index(index).key("reason");
            let what = format!("the reason to break `{}` says nothing", allowance.rule);
            findings.add(&place, what, "say why the lint may be broken".to_owned());
        }
    }
}

/// A deprecation is a promise with an end: on the day after it the metric should be gone.
fn deprecations(registry: &Registry, today: Day, findings: &mut Findings<'_>) {
    let metrics = Place::default().key("metrics");
    for (index, metric) in registry.metrics.iter().enumerate() {
        let Status::Deprecated(deprecation) = &metric.status else { continue };
        let since = deprecation.since.as_ref().and_then(|since| since.parse::<Day>().ok());
        let Some(since) = since else { continue };
        let end = since.plus(deprecation.emit_days);
        if today < end {
            continue;
        }
        let name = &metric.name;
        let what = format!(
            "`{name}` is deprecated since {since}; its {} days were over on {end}",
            deprecation.emit_days
        );
        let instead = match &deprecation.replaced_by {
            Some(other) => format!("use `{other}` and delete `{name}`"),
            None => format!("delete `{name}`"),
        };
        let fix = format!("{instead}, or raise `emit_days` while something still reads it");
        let place = metrics.index(index).key("status").key("deprecated").key("since");
        findings.add(&place, what, fix);
    }
}
