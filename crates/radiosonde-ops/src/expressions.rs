//! Every expression of a registry, wherever it stands.

use radiosonde_registry::{AlertSpec, DashboardSpec, NamedQuery, Place, Registry, SloSpec};

use crate::{
    check::Findings,
    cycle::Cycles,
    expression::{self, Reading},
    known::{Known, Reader},
};

/// Parses every expression, and looks whether somebody writes what it reads.
pub(crate) fn check(registry: &Registry, findings: &mut Findings<'_>) {
    let mut check = Check { known: Known::of(registry), cycles: Cycles::default(), findings };
    let root = Place::default();
    for (index, metric) in registry.metrics.iter().enumerate() {
        let place = root.key("metrics").index(index).key("expression");
        let Some(text) = metric.expression.as_deref() else { continue };
        if let Some(reading) = check.read(text, Reader::of(metric), &place) {
            check.cycles.add(metric, &place, check.known.metrics_of(&reading));
        }
    }
    check.cycles.tell(check.findings);
    for (index, alert) in registry.alerts.iter().enumerate() {
        check.alert(alert, &root.key("alerts").index(index));
    }
    for (index, dashboard) in registry.dashboards.iter().enumerate() {
        check.dashboard(dashboard, &root.key("dashboards").index(index));
    }
    for (index, slo) in registry.slos.iter().enumerate() {
        check.slo(slo, &root.key("slos").index(index));
    }
    for (index, report) in registry.reports.iter().enumerate() {
        let sections = root.key("reports").index(index).key("sections");
        for (index, section) in report.sections.iter().enumerate() {
            check.queries(&section.queries, &sections.index(index).key("queries"));
        }
    }
}

struct Check<'c, 'r, 'd> {
    known: Known<'r>,
    cycles: Cycles<'r>,
    findings: &'c mut Findings<'d>,
}

impl Check<'_, '_, '_> {
    fn alert(&mut self, alert: &AlertSpec, place: &Place) {
        self.expression(alert.query.expr.as_deref(), &place.key("expr"));
        if let Some(runbook) = &alert.runbook {
            self.queries(&runbook.queries, &place.key("runbook").key("queries"));
        }
        for (index, case) in alert.test_cases.iter().enumerate() {
            let place = place.key("test_cases").index(index).key("series");
            for (index, series) in case.series.iter().enumerate() {
                self.expression(Some(&series.series), &place.index(index).key("series"));
            }
        }
    }

    fn dashboard(&mut self, dashboard: &DashboardSpec, place: &Place) {
        self.queries(&dashboard.annotations, &place.key("annotations"));
        for (index, panel) in dashboard.panels.iter().enumerate() {
            self.queries(&panel.queries, &place.key("panels").index(index).key("queries"));
        }
    }

    fn slo(&mut self, slo: &SloSpec, place: &Place) {
        let place = place.key("indicator");
        let indicator = &slo.indicator;
        self.expression(indicator.good_expr.as_deref(), &place.key("good_expr"));
        self.expression(indicator.total_expr.as_deref(), &place.key("total_expr"));
    }

    fn queries(&mut self, queries: &[NamedQuery], place: &Place) {
        for (index, named) in queries.iter().enumerate() {
            self.expression(named.query.expr.as_deref(), &place.index(index).key("expr"));
        }
    }

    fn expression(&mut self, text: Option<&str>, place: &Place) {
        if let Some(text) = text {
            let _ = self.read(text, Reader::Stays, place);
        }
    }

    fn read(&mut self, text: &str, reader: Reader, place: &Place) -> Option<Reading> {
        if self.findings.leaves_off() {
            return None;
        }
        let reading = match expression::read(text) {
            Ok(reading) => reading,
            Err(told) => {
                let fix = "write a PromQL expression".to_owned();
                self.findings.add(place, format!("not PromQL: {told}"), fix);
                return None;
            }
        };
        let mut all = self.known.judge(&reading, reader);
        // One name may be read twice in an expression.
        all.sort();
        all.dedup();
        for (what, fix) in all {
            self.findings.add(place, what, fix);
        }
        Some(reading)
    }
}
