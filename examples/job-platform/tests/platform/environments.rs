//! The files of `environments`: what differs between environments, and no secret.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::world::Platform;

/// What `DASH0_TOKEN` is while they are loaded here.
const TOKEN: &str = "auth_8Qm2vXw4Tz7Lk1Bn5Rc9";

/// The variables of a file, as a shell reads them.
fn variables(name: &str) -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("environments/{name}.env"));
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.map(|line| line.split_once('=').unwrap());
    pairs
        .map(|(name, value)| {
            (name.to_owned(), value.trim_matches('"').replace("${DASH0_TOKEN}", TOKEN))
        })
        .collect()
}

#[test]
fn each_environment_has_its_name_on_every_series_and_its_data_set_in_a_header() {
    for name in ["development", "staging", "production"] {
        let mut variables = variables(name);
        let headers = &variables["OTEL_EXPORTER_OTLP_HEADERS"];
        assert!(headers.split(',').any(|header| header == format!("Dash0-Dataset={name}")));
        // Nobody listens there.
        variables.insert("OTEL_EXPORTER_OTLP_ENDPOINT".into(), "http://127.0.0.1:1".into());
        let environment: Vec<_> =
            variables.iter().map(|(name, value)| (&**name, &**value)).collect();
        let platform = Platform::start_with(&[], &environment);
        let ended = platform.submit("render", &[]).ended();
        assert_eq!(ended.outcome, "success");
        let (folder, lines) = platform.end();

        let runs: Vec<_> = lines
            .iter()
            .filter(|line| {
                line["meta"]["name"] == "job_runs_total" && line["meta"]["kind"] == "snapshot"
            })
            .collect();
        assert!(!runs.is_empty());
        for run in runs {
            assert_eq!(run["meta"]["labels"]["environment"], name, "{run}");
        }
        no_file_has(TOKEN, folder.path());
    }
}

/// Looks at every file below a folder.
fn no_file_has(secret: &str, folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            no_file_has(secret, &entry.path());
        } else {
            let bytes = fs::read(entry.path()).unwrap();
            let has = bytes.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
            assert!(!has, "{:?}", entry.path());
        }
    }
}
