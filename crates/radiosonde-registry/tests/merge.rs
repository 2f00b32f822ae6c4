//! Registries of several crates: what is the same merges, what differs is named.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use radiosonde_registry::{Merged, Registry, RegistrySource};

const SHOP: &str = r##"{
  "schema_version": 1, "service": "shop",
  "environments": {"staging": {"series_limit": 50}, "production": {"series_limit": 100}},
  "required_labels": ["environment"], "max_labels": 3,
  "labels": {"environment": {"values": ["staging", "production"]}, "outcome": {"values": ["a", "b"]}},
  "owners": {"platform": {"slack": "#platform"}},
  "modules": {"sqlx": {"policy": "namespace"}},
  "metrics": [
    {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs.",
     "labels": ["outcome"], "owner": "platform"},
    {"name": "wait_seconds", "type": "histogram", "unit": "seconds", "help": "Wait.",
     "owner": "platform", "series_limit": 7}
  ]
}"##;

const STOCK: &str = r##"{
  "schema_version": 1,
  "environments": {"production": {"series_limit": 20}},
  "required_labels": ["tier"],
  "labels": {"tier": {"max_values": 3}, "outcome": {"values": ["a", "b"]}},
  "owners": {"platform": {"slack": "#platform"}},
  "metrics": [
    {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs.",
     "labels": ["outcome"], "owner": "platform"},
    {"name": "stock_items", "type": "gauge", "unit": "items", "help": "Stock.", "owner": "platform"}
  ]
}"##;

fn merge(files: &[(&str, &str)], environment: Option<&str>) -> (Registry, Vec<String>) {
    let parse = |(file, text): &(&str, &str)| {
        ((*file).to_owned(), Registry::parse(file, text).unwrap_or_else(|e| panic!("{e}")))
    };
    let merged = Registry::merge(files.iter().map(parse).collect(), environment);
    let conflicts = merged.conflicts;
    assert!(conflicts.iter().all(|conflict| !conflict.fix.is_empty()));
    (merged.registry, conflicts.into_iter().map(|conflict| conflict.what).collect())
}

#[test]
fn what_is_the_same_merges_and_every_metric_keeps_its_limits() {
    let (merged, conflicts) =
        merge(&[("shop.json", SHOP), ("stock.json", STOCK)], Some("production"));
    assert_eq!(conflicts, [""; 0]);
    let names: Vec<_> = merged.metrics.iter().map(|metric| metric.name.as_str()).collect();
    assert_eq!(names, ["runs_total", "wait_seconds", "stock_items"]);
    let limit = |name: &str| {
        let metric = merged.metric(name).unwrap();
        (metric.series_limit, metric.max_labels)
    };
    assert_eq!(limit("runs_total"), (Some(100), Some(3)));
    assert_eq!(limit("wait_seconds"), (Some(7), Some(3)));
    assert_eq!(limit("stock_items"), (Some(20), None));
    assert_eq!(merged.required_labels, ["environment", "tier"]);
    assert_eq!(merged.service.as_deref(), Some("shop"));
    assert_eq!(merged.labels.len(), 3);
    assert_eq!(merged.modules.len(), 1);
    // An unknown environment gets the strictest of each file.
    let (merged, _) = merge(&[("shop.json", SHOP), ("stock.json", STOCK)], Some("elsewhere"));
    assert_eq!(merged.metric("runs_total").unwrap().series_limit, Some(50));
    assert_eq!(merged.metric("stock_items").unwrap().series_limit, Some(20));
}

#[test]
fn one_registry_stays_as_it_is_and_none_is_empty() {
    let (merged, _) = merge(&[("shop.json", SHOP)], Some("production"));
    assert_eq!(merged, Registry::parse("shop.json", SHOP).unwrap());
    assert_eq!(Registry::merge(Vec::new(), None), Merged::default());
}

#[test]
fn what_differs_is_named_with_both_files_and_the_first_holds() {
    let table = [
        ("\"Runs.\"", "\"Jobs.\"", "the metric `runs_total` differs in shop.json and stock.json"),
        (
            r##""#platform""##,
            r##""#stock""##,
            "the owner `platform` differs in shop.json and stock.json",
        ),
        // Its labels are part of what a metric is.
        (
            r#"["a", "b"]"#,
            r#"["a"]"#,
            "the metric `runs_total` differs in shop.json and stock.json",
        ),
        (
            "\"stock_items\", \"type\": \"gauge\", \"unit\": \"items\"",
            "\"wait_seconds_total\", \"type\": \"counter\", \"unit\": \"seconds\"",
            "`wait_seconds` in shop.json and `wait_seconds_total` in stock.json both write \
             `wait_seconds`",
        ),
    ];
    for (from, to, expected) in table {
        let other = STOCK.replace(from, to);
        assert_ne!(other, STOCK, "{from}");
        let (merged, conflicts) = merge(&[("shop.json", SHOP), ("stock.json", &other)], None);
        assert_eq!(conflicts, [expected]);
        assert_eq!(merged.metric("runs_total").unwrap().help, "Runs.");
        assert_eq!(merged.metric("wait_seconds_total"), None);
    }
}

#[test]
fn each_metric_keeps_the_labels_of_its_own_file() {
    let own = STOCK
        .replace("\"runs_total\"", "\"moves_total\"")
        .replace(r#"["a", "b"]"#, r#"["in", "out"]"#);
    let parse = |file: &str, text: &str| (file.to_owned(), Registry::parse(file, text).unwrap());
    let parts = vec![parse("shop.json", SHOP), parse("stock.json", &own)];
    let merged = Registry::merge(parts, None);
    assert_eq!(merged.conflicts, []);
    let values = |metric: &str| merged.labels.of(metric).unwrap()["outcome"].values.clone();
    assert_eq!(values("runs_total").unwrap(), ["a", "b"]);
    assert_eq!(values("moves_total").unwrap(), ["in", "out"]);
    assert_eq!(merged.labels.of("unknown_total"), None);
    let declared: Vec<_> =
        merged.labels.declared("outcome").into_iter().map(|(file, _)| file).collect();
    assert_eq!(declared, ["shop.json", "stock.json"]);
    assert_eq!(merged.labels.declared("tier").len(), 1);
}

#[test]
fn a_roll_up_takes_its_name_for_all_files() {
    let with = SHOP.replace(
        "\"labels\": [\"outcome\"], \"owner\"",
        "\"labels\": [\"outcome\"], \"rollups\": [{\"name\": \"all_total\", \"by\": []}], \"owner\"",
    );
    let other = STOCK.replace("\"runs_total\"", "\"all_total\"");
    let (_, conflicts) = merge(&[("shop.json", &with), ("stock.json", &other)], None);
    let both = "`runs_total` in shop.json and `all_total` in stock.json both write `all_total`";
    assert_eq!(conflicts, [both]);
}

#[test]
fn a_source_knows_its_crate() {
    const SOURCE: RegistrySource =
        RegistrySource::embedded_in("shop_core::catalog", "registry.json", SHOP);
    assert_eq!(SOURCE.crate_name(), Some("shop_core"));
    assert_eq!(SOURCE.name(), "registry.json of shop_core");
    assert_eq!(RegistrySource::embedded("a.json", SHOP).name(), "a.json");
    assert_eq!(RegistrySource::embedded("a.json", SHOP).crate_name(), None);
    assert_eq!(RegistrySource::path("a/b.json").name(), "a/b.json");
}

#[test]
fn two_files_of_one_name_are_two_files() {
    let other = SHOP.replace("\"Runs.\"", "\"Jobs.\"");
    let files = [("registry.json", SHOP), ("registry.json", &other)];
    let (merged, conflicts) = merge(&files, None);
    assert_eq!(
        conflicts,
        ["the metric `runs_total` differs in registry.json and registry.json (2)"]
    );
    assert_eq!(merged.metric("runs_total").unwrap().help, "Runs.");
}

#[test]
fn what_people_look_at_is_there_once() {
    let with = |text: &str, metric: &str, title: &str| {
        let operations = format!(
            r#""alerts": [{{"id": "busy", "summary": "{title}", "severity": "warning",
                "metric": "{metric}", "op": ">", "threshold": 5, "owner": "platform"}}],
              "dashboards": [{{"uid": "all", "title": "{title}",
                "panels": [{{"title": "P", "kind": "timeseries", "queries": ["{metric}"]}}]}}],
              "slos": [{{"id": "well", "description": "{title}", "objective": 0.9, "window": "30d",
                "indicator": {{"good_expr": "sum({metric})", "total_expr": "sum({metric})"}}}}],
              "reports": [{{"id": "weekly", "title": "{title}",
                "sections": [{{"title": "S", "kind": "slos"}}]}}],
              "metrics": ["#
        );
        text.replace(r#""metrics": ["#, &operations)
    };
    let (shop, same) = (with(SHOP, "runs_total", "One"), with(STOCK, "runs_total", "One"));
    let counts =
        |of: &Registry| [of.alerts.len(), of.dashboards.len(), of.slos.len(), of.reports.len()];
    let (merged, conflicts) = merge(&[("shop.json", &shop), ("stock.json", &same)], None);
    assert_eq!((counts(&merged), conflicts), ([1; 4], Vec::new()));

    let other = with(STOCK, "runs_total", "Two");
    let (merged, conflicts) = merge(&[("shop.json", &shop), ("stock.json", &other)], None);
    assert_eq!(counts(&merged), [1; 4]);
    assert_eq!(merged.alerts[0].summary, "One");
    assert_eq!(
        conflicts,
        [
            "the alert `busy` differs in shop.json and stock.json",
            "the dashboard `all` differs in shop.json and stock.json",
            "the objective `well` differs in shop.json and stock.json",
            "the report `weekly` differs in shop.json and stock.json",
        ]
    );
}
