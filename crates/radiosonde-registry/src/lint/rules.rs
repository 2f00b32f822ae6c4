//! The lints that may be broken for a reason, and the judge that hears the reasons.

use std::collections::BTreeSet;

use crate::{fields, locate::Path, model::LintAllowance, names, report::Report};

/// A lint that a metric or a label may break when its `lint_allow` gives a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LintRule {
    /// What `lint_allow` calls it.
    pub name: &'static str,
    /// What it is held against, in one sentence without a full stop.
    pub what: &'static str,
    /// Whether a metric can break it.
    pub on_metrics: bool,
    /// Whether a label can break it.
    pub on_labels: bool,
}

/// Every lint that can be allowed, by name. Everything else that is held against a registry has no
/// exceptions.
///
/// ```
/// let lints = radiosonde_registry::lints();
/// assert!(lints.iter().any(|lint| lint.name == "counter_suffix" && lint.on_metrics));
/// ```
pub fn lints() -> &'static [LintRule] {
    LINTS
}

const LINTS: &[LintRule] = &[
    on_metrics("abbreviated_unit", "a metric's name abbreviates a unit"),
    LintRule {
        name: "camel_case",
        what: "the name of a metric or label has capital letters",
        on_metrics: true,
        on_labels: true,
    },
    on_metrics("counter_suffix", "a counter's name does not end in `_total`"),
    on_labels("free_text_label", "a label is named like free text and nothing bounds its values"),
    on_labels(
        "identifier_label",
        "a label is named like an id and nothing bounds its values, or lists values that are ids",
    ),
    on_metrics("missing_owner", "a metric has no owner in a registry that declares owners"),
    on_metrics("replacement_type", "a deprecated metric is replaced by one of another type"),
    on_metrics("reserved_suffix", "a metric's name ends like a part of a histogram or summary"),
    on_metrics("total_suffix", "a name ends in `_total` and is no counter's"),
    on_metrics("unit_mismatch", "a metric's name ends in one unit and `unit` says another"),
    on_labels("unused_label", "no metric has the label and it is not required either"),
    on_metrics("version_suffix", "`version` and the `_v2` of a metric's name disagree"),
];

const fn on_metrics(name: &'static str, what: &'static str) -> LintRule {
    LintRule { name, what, on_metrics: true, on_labels: false }
}

const fn on_labels(name: &'static str, what: &'static str) -> LintRule {
    LintRule { name, what, on_metrics: false, on_labels: true }
}

/// What is being judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Label,
    Metric,
}

impl Subject {
    const fn noun(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Metric => "metric",
        }
    }

    const fn can_break(self, rule: &LintRule) -> bool {
        match self {
            Self::Label => rule.on_labels,
            Self::Metric => rule.on_metrics,
        }
    }
}

/// Judges one metric or label: what it breaks is reported unless it is allowed.
pub(super) struct Judge<'j, 'd> {
    pub(super) report: &'j mut Report<'d>,
    subject: Subject,
    name: &'j str,
    path: Path,
    allowances: &'j [LintAllowance],
    /// The lints they are for: asked about more often than there are lints.
    allowed: BTreeSet<&'j str>,
    broken: BTreeSet<&'static str>,
    /// Whether a part is judged that has no allowances of its own, such as a roll-up.
    in_part: bool,
}

impl<'j, 'd> Judge<'j, 'd> {
    pub(super) fn new(
        subject: Subject,
        name: &'j str,
        path: Path,
        allowances: &'j [LintAllowance],
        report: &'j mut Report<'d>,
    ) -> Self {
        let allowed = allowances.iter().map(|allowance| allowance.rule.as_str()).collect();
        Self {
            report,
            subject,
            name,
            path,
            allowances,
            allowed,
            broken: BTreeSet::new(),
            in_part: false,
        }
    }

    /// Where the metric or label stands.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a part of it stands.
    pub(super) fn at(&self, key: &str) -> Path {
        self.path.then(key)
    }

    /// The lints that may be broken.
    pub(super) fn allowed(&self) -> BTreeSet<&'j str> {
        self.allowed.clone()
    }

    /// Judges a part by the allowances of the whole.
    pub(super) fn part(&mut self, judged: impl FnOnce(&mut Self)) {
        self.in_part = true;
        judged(self);
        self.in_part = false;
    }

    /// Something is wrong and there is no exception.
    #[track_caller]
    pub(super) fn wrong(&mut self, at: &Path, what: String, fix: impl Into<String>) {
        self.report.wrong(at, what, fix);
    }

    /// A lint is broken at the value there, which an allowance may excuse.
    #[track_caller]
    pub(super) fn breaks(&mut self, rule: &'static str, at: &Path, what: String, fix: &str) {
        if self.must_report(rule) {
            self.report.wrong(at, what, self.or_allow(rule, fix));
        }
    }

    /// A lint is broken by the name the metric or label goes by.
    #[track_caller]
    pub(super) fn breaks_by_name(&mut self, rule: &'static str, what: &str, fix: &str) {
        if !self.must_report(rule) {
            return;
        }
        let (what, fix) = (format!("`{}` {what}", self.name), self.or_allow(rule, fix));
        match self.subject {
            Subject::Label => self.report.wrong_key(&self.path, what, fix),
            Subject::Metric => self.report.wrong(&self.path.then("name"), what, fix),
        }
    }

    /// A lint cannot be judged here: nothing is reported, and an allowance is not called needless.
    pub(super) fn leaves_open(&mut self, rule: &'static str) {
        let _again = self.broken.insert(rule);
    }

    /// Judges the allowances themselves: each names a lint that exists, once, that would be broken
    /// without it, and says why.
    pub(super) fn finish(mut self) {
        let mut met = BTreeSet::new();
        for (index, allowance) in self.allowances.iter().enumerate() {
            let path = self.path.then("lint_allow").then(index);
            if self.names_a_lint(&allowance.rule, &path.then("rule")) {
                self.is_needed(&allowance.rule, met.insert(&allowance.rule), &path);
            }
            if allowance.reason.trim().is_empty() {
                let what = "the allowance gives no reason".to_owned();
                self.wrong(&path.then("reason"), what, "say why the lint may be broken");
            }
        }
    }

    fn names_a_lint(&mut self, rule: &str, path: &Path) -> bool {
        let noun = self.subject.noun();
        match LINTS.iter().find(|lint| lint.name == rule) {
            Some(lint) if self.subject.can_break(lint) => true,
            Some(_) => {
                let what = format!("lint `{rule}` is not about {noun}s");
                let fix = format!("delete the allowance: a {noun} cannot break it");
                self.wrong(path, what, fix);
                false
            }
            None => {
                let lints = LINTS.iter().filter(|lint| self.subject.can_break(lint));
                let known: Vec<&str> = lints.map(|lint| lint.name).collect();
                let fix = match names::closest(rule, known.iter().copied()) {
                    Some(guess) => format!("did you mean `{guess}`?"),
                    None => format!("use {}", fields::alternatives(&known)),
                };
                self.wrong(path, format!("unknown lint `{rule}`"), fix);
                false
            }
        }
    }

    fn is_needed(&mut self, rule: &str, is_first: bool, path: &Path) {
        if !is_first {
            self.wrong(path, format!("lint `{rule}` is allowed twice"), "keep one");
        } else if !self.broken.contains(rule) && self.report.is_all_sound() {
            // With something unreadable in the file, the lint may not have been asked.
            let what = format!("the {} does not break `{rule}`", self.subject.noun());
            self.wrong(path, what, "delete the allowance");
        }
    }

    /// Takes down that a lint is broken. True when nothing allows it.
    fn must_report(&mut self, rule: &'static str) -> bool {
        let _again = self.broken.insert(rule);
        !self.allowed.contains(rule)
    }

    fn or_allow(&self, rule: &str, fix: &str) -> String {
        let allowance = format!("{{\"rule\": \"{rule}\", \"reason\": \"…\"}}");
        match (self.allowances.is_empty(), self.in_part) {
            (true, false) => format!("{fix}, or add `\"lint_allow\": [{allowance}]`"),
            (true, true) => {
                let name = self.name;
                format!("{fix}, or add `\"lint_allow\": [{allowance}]` to the metric `{name}`")
            }
            (false, false) => format!("{fix}, or add `{allowance}` to its `lint_allow`"),
            (false, true) => {
                format!("{fix}, or add `{allowance}` to the `lint_allow` of `{}`", self.name)
            }
        }
    }
}
