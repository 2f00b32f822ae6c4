//! Metrics as a program with `init!` has them: several catalogues, metrics of other crates, runs of
//! jobs, and what the report says of all that.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::{Duration, SystemTime};

use metrics::{Key, Level, Metadata};
use radiosonde::{Clock, Config, Profile, RegistrySource, Service};

const SHOP: RegistrySource = RegistrySource::embedded_in(
    "metric_life::catalog",
    "registry.json",
    r#"{
      "schema_version": 1,
      "owners": {"platform": {"slack": "telemetry"}},
      "metrics": [
        {"name": "carts_total", "type": "counter", "unit": "carts", "help": "Carts.",
         "owner": "platform",
         "status": {"deprecated": {"since": "2026-11-01", "replaced_by": "baskets_total"}}},
        {"name": "baskets_total", "type": "counter", "unit": "baskets", "help": "Baskets.",
         "owner": "platform"},
        {"name": "cost_ratio", "type": "gauge", "unit": "ratio", "help": "Cost.",
         "owner": "platform", "source": "batch"}
      ]
    }"#,
);

const STOCK: RegistrySource = RegistrySource::embedded_in(
    "stock::catalog",
    "registry.json",
    r#"{
      "schema_version": 1, "required_labels": ["tier"],
      "labels": {"tier": {"max_values": 3}},
      "owners": {"platform": {"slack": "stock"}},
      "metrics": [
        {"name": "stock_items", "type": "gauge", "unit": "items", "help": "Stock.",
         "owner": "platform"}
      ]
    }"#,
);

fn count_as(module: &str, name: &'static str) {
    // As a function of a catalogue does, and as anybody.
    let typed = module.ends_with("::catalog");
    let target = if typed { "radiosonde::catalog" } else { "test" };
    let metadata = Metadata::new(target, Level::INFO, Some(module));
    metrics::with_recorder(|recorder| {
        recorder.register_counter(&Key::from_name(name), &metadata).increment(1);
    });
}

#[test]
fn a_program_with_two_catalogues_and_libraries() {
    // Before `init!`: nothing happens.
    radiosonde::ingest("cost_ratio").succeeded();
    assert_eq!(radiosonde::retire("carts_total"), None);
    let scratch = tempfile::tempdir().unwrap();
    // 2026-11-15, when the fourteen days are just over.
    let clock = Clock::fixed(SystemTime::UNIX_EPOCH + Duration::from_secs(1_794_700_800));
    let telemetry = radiosonde::init!(
        dir = scratch.path(),
        profile = Profile::Cli,
        registries = [SHOP, STOCK],
        clock = clock,
    );
    metrics::counter!("carts_total").increment(1);
    metrics::gauge!("stock_items").set(3.0);
    // Not registered: of this crate, of another catalogue's crate, of a catalogue, of a library.
    metrics::counter!("unknown_total").increment(1);
    count_as("stock::shelf", "shelves_total");
    count_as("orders::catalog", "orders_total");
    count_as("hyper::client", "connections_total");
    radiosonde::ingest("cost_ratio").succeeded();
    radiosonde::ingest("made_up").failed();

    let report = telemetry.report();
    let text = report.to_string();
    assert_eq!(report.observed, 1, "{text}");
    let observed = "\nobserved   1 metric that no registry has: connections_total of hyper (Guard::\
                    registry_draft; own_crate or its catalogue, if a crate is yours)\n";
    assert!(text.contains(observed), "{text}");
    let refused: Vec<_> = report
        .refused
        .iter()
        .map(|refused| (refused.metric.as_str(), refused.reason.as_str(), refused.count))
        .collect();
    let expected = [
        ("metric_ingest_status", "label_value", 1),
        ("orders_total", "unregistered", 1),
        ("shelves_total", "unregistered", 1),
        ("unknown_total", "unregistered", 1),
    ];
    assert_eq!(refused, expected, "{text}");
    for problem in [
        "the owner `platform` differs in registry.json of metric_life and registry.json of stock",
        "`carts_total` is deprecated since 2026-11-01, and its 14 days are over",
        "the registry requires the label `tier`, which has no value; fix: set \
         OTEL_RESOURCE_ATTRIBUTES=tier=…, or pass it in `labels` of init!",
        "writes to metric `orders_total` are refused: its catalogue is not part of the registry \
         (through orders::catalog); fix: init!(registries = [catalog::REGISTRY, \
         stock::catalog::REGISTRY, orders::catalog::REGISTRY])",
    ] {
        assert!(text.contains(problem), "{problem}: {text}");
    }
    let draft = telemetry.registry_draft();
    assert!(draft.contains("\"connections_total\""), "{draft}");
    // What the program was refused as well, but for what has an entry somewhere.
    assert!(draft.contains("\"unknown_total\"") && draft.contains("\"shelves_total\""), "{draft}");
    assert!(!draft.contains("\"orders_total\"") && !draft.contains("\"carts_total\""), "{draft}");
    #[cfg(feature = "prometheus")]
    {
        let text = telemetry.metrics_text();
        for line in [
            "carts_total 1\n",
            "stock_items 3.0\n",
            "connections_total 1\n",
            "metric_ingest_status{metric=\"cost_ratio\",status=\"success\"} 1\n",
            "metric_ingest_status{metric=\"cost_ratio\",status=\"failure\"} 0\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(!text.contains("carts_total_deprecated"), "{text}");
    }
    let retired = ["connections_total", "unknown_total"].map(radiosonde::retire);
    assert_eq!(retired, [Some(1), None]);
    #[cfg(feature = "prometheus")]
    assert!(!telemetry.metrics_text().contains("\nconnections_total"));
    drop(telemetry);
}

#[test]
fn labels_of_one_name_are_those_of_each_catalogue() {
    let registry = |module: &'static str, metric: &str, value: &str| {
        let text = format!(
            r#"{{"schema_version": 1, "labels": {{"outcome": {{"values": ["{value}"]}}}},
                "metrics": [{{"name": "{metric}", "type": "counter", "unit": "runs", "help": "Runs.",
                              "labels": ["outcome"]}}]}}"#
        );
        RegistrySource::embedded_in(module, "registry.json", text.leak())
    };
    let scratch = tempfile::tempdir().unwrap();
    let config = Config::new(Service::new("merged", "1.0.0").in_crate(module_path!()));
    let config = config.dir(scratch.path()).profile(Profile::Cli);
    let sources = [
        registry("metric_life::catalog", "orders_total", "paid"),
        registry("stock::catalog", "moves_total", "in"),
    ];
    let parts = config.registries(sources).build();
    metrics::with_local_recorder(&parts.recorder, || {
        metrics::counter!("orders_total", "outcome" => "paid").increment(1);
        metrics::counter!("moves_total", "outcome" => "in").increment(1);
        metrics::counter!("moves_total", "outcome" => "paid").increment(1);
    });
    let report = parts.guard.shutdown(Duration::from_secs(10));
    let refused: Vec<_> = report.refused.iter().map(|refused| refused.text.as_str()).collect();
    let text =
        "1 write to `moves_total` refused: label `outcome` is `paid`, but should be one of `in`";
    assert!(refused.len() == 1 && refused[0].starts_with(text), "{report}");
    // Nothing is in conflict: the one problem is the write.
    assert_eq!(report.problems.len(), 1, "{report}");
}

#[test]
fn a_catalogue_without_a_registry_is_a_problem() {
    let scratch = tempfile::tempdir().unwrap();
    let config = Config::new(Service::new("unchecked", "1.0.0").in_crate(module_path!()));
    let parts = config.dir(scratch.path()).profile(Profile::Cli).build();
    metrics::with_local_recorder(&parts.recorder, || {
        count_as("metric_life::catalog", "carts_total");
        count_as("metric_life::catalog", "baskets_total");
    });
    let report = parts.guard.shutdown(Duration::from_secs(10));
    let problems: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
    let expected = "metrics of `metric_life::catalog` are not checked: there is no registry; fix: \
                    pass `metric_life::catalog::REGISTRY` to init!";
    assert_eq!(problems, [expected]);
    assert_eq!(report.observed, 2);
}

#[test]
fn a_catalogue_that_cannot_be_read_leaves_the_others() {
    let scratch = tempfile::tempdir().unwrap();
    let config = Config::new(Service::new("partly", "1.0.0").in_crate(module_path!()));
    let config = config.dir(scratch.path()).profile(Profile::Cli);
    let parts = config.registry("{}").registry(SHOP).build();
    metrics::with_local_recorder(&parts.recorder, || {
        metrics::counter!("carts_total").increment(1);
        metrics::counter!("unknown_total").increment(1);
    });
    let report = parts.guard.shutdown(Duration::from_secs(10));
    assert!(report.problems[0].fix.contains("those of no registry"), "{report}");
    assert_eq!(report.refused.len(), 1, "{report}");
}
