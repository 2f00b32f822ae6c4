//! The exporter's page without the guard, with it, and with telemetry switched off.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::{Command, Output};

const CUSTOMERS: usize = 10_000;
/// Of each metric that no registry has.
const LIMIT: usize = 200;

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (String, String) {
    let directory = tempfile::tempdir().unwrap();
    let output: Output = Command::new(env!("CARGO_BIN_EXE_wrap-exporter"))
        .args(arguments)
        .env_clear()
        .env("RADIOSONDE_DIR", directory.path())
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Series of a name on the page, and the sum of their values.
fn series(page: &str, name: &str) -> (usize, f64) {
    let of = page.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
    let values = of.filter_map(|line| line.rsplit_once("} ")?.1.parse::<f64>().ok());
    values.fold((0, 0.0), |(series, sum), value| (series + 1, sum + value))
}

#[test]
fn the_guard_bounds_what_the_exporter_shows_and_loses_no_count() {
    let (before, _) = run(&["before"], &[]);
    assert_eq!(series(&before, "orders_total"), (CUSTOMERS, 20_000.0));

    let (after, told) = run(&["after"], &[]);
    assert_eq!(series(&after, "orders_total"), (LIMIT + 1, 20_000.0), "{told}");
    assert_eq!(series(&after, "order_seconds_count"), (LIMIT + 1, 10_000.0));
    assert_eq!(series(&after, "basket_items"), (LIMIT, 600.0), "gauges do not fold");
    let overflow = r#"orders_total{otel_metric_overflow="true"} 19600"#;
    assert!(after.lines().any(|line| line == overflow));
    let line = told.lines().find(|line| line.contains("9800 writes to `orders_total` folded"));
    assert!(line.is_some_and(|line| line.contains("label `customer` has about ")), "{told}");
}

#[test]
fn without_telemetry_the_exporter_goes_on_as_it_did() {
    let (page, _) = run(&["after"], &[("OTEL_SDK_DISABLED", "true")]);
    assert_eq!(series(&page, "orders_total"), (CUSTOMERS, 20_000.0));
}
