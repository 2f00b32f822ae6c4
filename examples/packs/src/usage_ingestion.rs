//! A service that fetches what customers used, from several providers.

radiosonde::catalog!("usage-ingestion/registry.json");

/// Writes every metric the program and its jobs write, once.
pub fn write_every_metric_once() {
    use catalog::Outcome;

    // Resolved once, used with every write.
    let provider = catalog::Provider::new("acme");
    catalog::ingestion_runs_total(&provider, Outcome::Success).increment(1);
    catalog::ingestion_windows_missing(&provider).set(2.0);
    catalog::ingestion_duration_seconds(&provider).record(0.4);
    catalog::admin_cursor_drift_seconds(&provider).set(90.0);
    catalog::cost_variance_ratio(&provider).set(-0.01);
}
