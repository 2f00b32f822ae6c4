//! The telemetry of a migration program: delivery, quality, parsers, operations, cost.

radiosonde::catalog!("migration-program/registry.json");

/// Writes every metric the program and its jobs write, once.
pub fn write_every_metric_once() {
    delivery();
    quality();
    parsers();
    operations();
}

fn delivery() {
    use catalog::{ActionType, Environment, PriorityTier, Squad, WorkspaceTier};

    let here = Environment::Production;
    catalog::migration_completion_ratio(here, WorkspaceTier::Core).set(0.62);
    catalog::migration_velocity_weekly(here).increment(3);
    catalog::migration_burndown_remaining(here, PriorityTier::P0).set(14.0);
    catalog::action_mix_progress(here, ActionType::Refactor).set(0.4);
    catalog::feature_delivery_rate(here, Squad::Parser).set(0.8);
}

fn quality() {
    use catalog::{CiJob, Environment, MetricFamily, Severity, SuiteTag};

    let here = Environment::Production;
    catalog::regression_coverage_percent(here, SuiteTag::Smoke).set(83.5);
    catalog::regression_pass_ratio(here, SuiteTag::Smoke, CiJob::Regression).set(1.0);
    catalog::defect_density_weekly(here, Severity::Low).set(0.2);
    catalog::escaped_defect_count(here, Severity::High).increment(1);
    catalog::telemetry_variance_ratio(here, MetricFamily::Parser).set(0.01);
}

fn parsers() {
    use catalog::{CommandName, Environment, ErrorCode, Language, ParserId};

    let here = Environment::Production;
    let parser = ParserId::Typescript;
    catalog::parse_duration_ms(here, parser, Language::Typescript).record(180.0);
    catalog::parse_batch_size(here, parser).record(40.0);
    catalog::incremental_hit_rate(here, parser).set(0.9);
    catalog::parser_failure_total(here, parser, ErrorCode::Syntax).increment(1);
    catalog::sqlite_schema_version(here).set(9.0);
    catalog::cli_latency_p95_ms(here, CommandName::Migrate).set(420.0);
}

fn operations() {
    use catalog::{
        CiJob, Environment, ReleaseTrack, RiskLevel, ServiceName, Severity, Squad, Workload,
    };

    let here = Environment::Production;
    catalog::cicd_success_ratio(here, CiJob::Build).set(0.97);
    catalog::deployment_frequency_weekly(here, ServiceName::Cli).set(2.0);
    catalog::mttr_minutes(here, Severity::High).set(35.0);
    catalog::change_failure_ratio(here, ReleaseTrack::Stable).set(0.04);
    catalog::risk_burndown_total(here, RiskLevel::Medium).set(5.0);
    catalog::capacity_utilization_ratio(here, Squad::Qa).set(0.95);
    catalog::stakeholder_satisfaction_score(here).set(4.3);
    catalog::compute_spend_usd(here, Workload::Ci).set(12.5);
    catalog::incident_cost_usd(here, Severity::High).set(800.0);
}
