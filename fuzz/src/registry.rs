//! A registry out of any text.

use radiosonde_registry::Registry;
use serde_json::Value as Json;

use super::dice::utf8;

/// A registry: an answer, and each finding in a place that exists; what is taken is JSON to everyone
/// else too, and the same however it is written.
pub fn registry_parse(data: &[u8]) {
    let text = utf8(data);
    match Registry::parse("r", text) {
        Err(errors) => {
            assert!(!errors.0.is_empty());
            let lines: Vec<&str> = text.split('\n').collect();
            for error in &errors.0 {
                assert!(!error.what.is_empty() && !error.fix.is_empty(), "{error}");
                let line = error.line.checked_sub(1).map(|line| lines.get(line));
                let columns = line.map(|line| line.map_or(0, |line| line.chars().count() + 1));
                assert!(columns.is_none_or(|columns| error.column <= columns), "{error}");
            }
        }
        Ok(registry) => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            let json: Json = serde_json::from_str(text).expect("it was taken");
            let again = Registry::parse("r", &format!("{json:#}")).expect("it was taken before");
            assert_eq!(registry, again);
            for metric in &registry.metrics {
                assert_eq!(
                    metric.is_enumerated(&registry),
                    metric.enumerated_product(&registry).is_some()
                );
            }
        }
    }
}

/// A registry with most keys, small ones, and what is none.
pub fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        include_str!("../../examples/quickstart/registry.json"),
        include_str!("../../crates/radiosonde-registry/builtin/http.json"),
        r#"{"schema_version":1}"#,
        r#"{"schema_version":1,"metrics":[{"name":"a_total","type":"counter","unit":"1","help":"h",
            "rollups":[{"name":"b_total","by":[]}],"retention":[{"keep":"90d","step":"30s"}],
            "deprecated":true,"otel":{"name":"a","unit":"1"}}]}"#,
        "{\"schema_version\":1,\n\"metrics\":[{\"name\" \"x\"}]}",
        r#"{"schema_version":1,"labels":{"größe":{"pattern":"(a|b"}},"metrics":[[[[[[[[]]]]]]]]}"#,
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}
