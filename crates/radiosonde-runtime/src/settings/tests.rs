//! The environment wins, and every mistake in it is named.

use radiosonde_record::Level;

use super::*;
use crate::config::Service;

fn resolve(config: &Config, variables: &[(&str, &str)]) -> (Settings, Vec<String>) {
    let problems = Problems::default();
    let settings = Settings::resolve(config, &Environment::of(variables), &problems);
    (settings, problems.all().into_iter().map(|problem| problem.what).collect())
}

fn config() -> Config {
    Config::new(Service::new("package", "1.0.0")).dir("/telemetry")
}

#[test]
fn the_environment_wins_over_code_and_code_over_defaults() {
    let code = config()
        .service("code")
        .label("environment", "staging")
        .registry(
            r#"{"schema_version":1,"labels":{"tier":{"max_values":5}},"required_labels":["tier"]}"#,
        )
        .prometheus("127.0.0.1:1");
    let (settings, problems) = resolve(
        &code,
        &[
            ("OTEL_SERVICE_NAME", "operator"),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "service.name=x,deployment.environment.name=prod%20eu,tier=gold,team=blue",
            ),
            ("RADIOSONDE_DIR", "/elsewhere"),
            ("RADIOSONDE_PROMETHEUS", "off"),
            ("RUST_LOG", "debug"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "250"),
            ("RADIOSONDE_MACHINE_ID", "m-1"),
        ],
    );
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(settings.service, "operator");
    assert_eq!(settings.environment.as_deref(), Some("prod eu"));
    let labels = [("environment", "prod eu"), ("tier", "gold")];
    assert_eq!(settings.labels, labels.map(|(name, value)| (name.into(), value.into())));
    assert_eq!(settings.directory.unwrap(), PathBuf::from("/elsewhere"));
    assert_eq!(settings.prometheus, None);
    assert!(settings.filter.allows("any", Level::Debug));
    assert_eq!(settings.metric_interval, Duration::from_millis(250));
    assert_eq!(settings.machine_id.as_deref(), Some("m-1"));

    let (settings, _) = resolve(&config().service("code"), &[]);
    assert_eq!(settings.service, "code");
    let (settings, _) = resolve(&config(), &[("OTEL_SERVICE_NAME", "")]);
    assert_eq!(settings.service, "package", "an empty variable counts as not set");
    let format = settings.console.map(|console| console.format);
    assert_eq!(format, Some(radiosonde_events::ConsoleFormat::Json), "stderr is no terminal here");
}

#[test]
fn limits_of_the_environment_stand_for_those_of_the_code() {
    let code = config().rate_limit(Level::Info, 1000).rate_limit(Level::Debug, 5);
    let limits = |variables: &[(&str, &str)]| {
        let (settings, problems) = resolve(&code, variables);
        assert_eq!(problems, Vec::<String>::new());
        Level::ALL.map(|level| settings.filter.limits().of(level))
    };
    assert_eq!(limits(&[]), [0, 5, 1000, 0, 0, 0]);
    assert_eq!(limits(&[("RADIOSONDE_RATE_LIMIT", "error=10")]), [0, 0, 0, 0, 10, 0]);
    assert_eq!(limits(&[("RADIOSONDE_RATE_LIMIT", "off")]), [0; 6]);
    let (settings, _) = resolve(&code, &[("RADIOSONDE_RATE_LIMIT", "info=fast,debug=1")]);
    assert_eq!(settings.filter.limits().of(Level::Debug), 1, "the rest holds");
    let (settings, _) = resolve(&config(), &[]);
    assert_eq!(settings.filter.limits(), &radiosonde_record::LevelLimits::default());
}

#[test]
fn prometheus_follows_the_variables_of_opentelemetry() {
    let address = |variables: &[(&str, &str)]| resolve(&config(), variables).0.prometheus;
    assert_eq!(address(&[]), None, "no listener until asked");
    let exporter = ("OTEL_METRICS_EXPORTER", "prometheus");
    assert_eq!(address(&[exporter]).as_deref(), Some("127.0.0.1:9464"));
    let port = ("OTEL_EXPORTER_PROMETHEUS_PORT", "9000");
    assert_eq!(address(&[port]).as_deref(), Some("127.0.0.1:9000"));
    let host = ("OTEL_EXPORTER_PROMETHEUS_HOST", "0.0.0.0");
    assert_eq!(address(&[exporter, host, port]).as_deref(), Some("0.0.0.0:9000"));
}

#[test]
fn every_mistake_is_named_and_costs_only_itself() {
    let cases = [
        (("OTEL_METRIC_EXPORT_INTERVAL", "soon"), "`soon` is not a number of milliseconds"),
        (("OTEL_TRACES_SAMPLER", "sometimes"), "unknown sampler `sometimes`"),
        (("OTEL_EXPORTER_PROMETHEUS_PORT", "99999"), "is not a port"),
        (("OTEL_RESOURCE_ATTRIBUTES", "oops"), "entry 1 is not key=value"),
        (("OTEL_LOGS_EXPORTER", "zipkin"), "unknown exporter `zipkin`"),
        (
            ("OTEL_EXPORTER_OTLP_SPAN_INSECURE", "true"),
            "OTEL_EXPORTER_OTLP_SPAN_INSECURE is set and",
        ),
        (("OTEL_PROPAGATORS", "xray"), "unknown propagator `xray`"),
        (("OTEL_BSP_MAX_QUEUE_SIZE", "9"), "OTEL_BSP_MAX_QUEUE_SIZE is set and not"),
        (("RADIOSONDE_FILES", "logs"), "RADIOSONDE_FILES: `logs` is not understood"),
        (("OTEL_SDK_DISABLED", "yes"), "`yes` is neither true nor false"),
        (("RADIOSONDE_STDERR", "loud"), "unknown form `loud`"),
        (("RADIOSONDE_DIRECTORY", "/x"), "is no variable of radiosonde"),
        (("RADIOSONDE_REGISTRY", "/no/such/registry.json"), "/no/such/registry.json"),
        (("RADIOSONDE_MACHINE_ID", "a b"), "RADIOSONDE_MACHINE_ID"),
        (("RUST_LOG", "info,[span]=debug"), "RUST_LOG: `[span]=debug`"),
        (("RUST_LOG", "info,a[b{c=1,d=2}]=debug"), "RUST_LOG: `a[b{c=1,d=2}]=debug`"),
        (("RUST_LOG", "my_app=inof"), "RUST_LOG: `my_app=inof`"),
        (
            ("RUST_LOG", "wran"),
            "RUST_LOG: `wran` is taken as a target; did you mean the level `warn`?",
        ),
        (("RUST_LOG", "info/timed.out"), "RUST_LOG: `/timed.out`"),
        (("RADIOSONDE_RATE_LIMIT", "info=fast,debug=1"), "RADIOSONDE_RATE_LIMIT: `info=fast`"),
    ];
    for (variable, expected) in cases {
        let (settings, problems) = resolve(&config(), &[variable]);
        assert_eq!(problems.len(), 1, "{variable:?}: {problems:?}");
        assert!(problems[0].contains(expected), "{variable:?}: {problems:?}");
        assert!(!settings.disabled);
        assert_eq!(settings.directory, Some(PathBuf::from("/telemetry")));
    }
    let (settings, _) = resolve(&config(), &[("RUST_LOG", "wran")]);
    assert!(settings.filter.allows("wran::inner", Level::Trace), "it is a target all the same");
    let (settings, problems) = resolve(&config(), &[("OTEL_SDK_DISABLED", "TRUE")]);
    assert!(settings.disabled && problems.is_empty());
}

#[test]
fn unit_tests_write_below_the_temporary_directory_and_not_on_the_console() {
    let service = Service::new("package", "1.0.0").in_test(true);
    let (settings, _) = resolve(&Config::new(service), &[("XDG_STATE_HOME", "/home/me/state")]);
    assert!(settings.directory.unwrap().starts_with(std::env::temp_dir()));
    assert_eq!(settings.console, None);
}

#[test]
fn the_environment_adds_redaction_rules_and_a_bad_pattern_costs_only_itself() {
    let code = config().redact(Rules::standard().with_key("pin").with_pattern("open", "("));
    let (settings, problems) = resolve(
        &code,
        &[
            ("RADIOSONDE_REDACT_KEYS", "tenant, ,shard_key"),
            ("RADIOSONDE_REDACT_ALLOW", "cookie"),
            ("RADIOSONDE_REDACT_PATTERN", r"P-\d{4}"),
        ],
    );
    for key in ["pin", "tenant", "shard_key", "password"] {
        assert!(settings.redact.rule_for_key(key).is_some(), "{key}");
    }
    assert_eq!(settings.redact.rule_for_key("cookie"), None);
    let mut rules = Vec::new();
    let shown = settings.redact.redact("by P-1234", &mut |rule| rules.push(rule.to_owned()));
    assert_eq!((shown.as_deref(), rules), (Some("by [redacted]"), vec!["environment".to_owned()]));
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("the redaction pattern `open` is not used"), "{problems:?}");

    let (settings, problems) = resolve(&config(), &[("RADIOSONDE_REDACT_PATTERN", "[")]);
    assert!(problems[0].starts_with("RADIOSONDE_REDACT_PATTERN: "), "{problems:?}");
    assert!(settings.redact.redact("ftp://a:b@c", &mut |_| ()).is_some());
}

#[test]
fn redaction_variables_that_do_nothing_are_named() {
    let variables = [
        ("RADIOSONDE_REDACT_KEYS", "tenant,*,type;kind,meta.pin"),
        ("RADIOSONDE_REDACT_ALLOW", "*"),
        ("RADIOSONDE_REDACT_PATTERN", "x*"),
    ];
    let (settings, problems) = resolve(&config(), &variables);
    let expected = [
        "RADIOSONDE_REDACT_KEYS: the redacted key `*` is not used",
        "RADIOSONDE_REDACT_KEYS: the redacted key `type;kind` has a ';' in it",
        "RADIOSONDE_REDACT_KEYS: the redacted key `meta.pin` is a path",
        "RADIOSONDE_REDACT_ALLOW: the allowed key `*` is not used",
        "RADIOSONDE_REDACT_PATTERN: the redaction pattern `environment` matches the empty text",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}");
    }
    assert!(settings.redact.rule_for_key("tenant").is_some());
}

#[test]
fn problems_do_not_tell_secrets() {
    let address = "http://ada:hunter2@127.0.0.1:1";
    let variables = [("OTEL_METRICS_EXPORTER", address)];
    let (_, problems) = resolve(&config(), &variables);
    assert!(problems[0].contains("http://ada:[redacted]@127.0.0.1:1"), "{problems:?}");
}

#[test]
fn a_registry_of_the_environment_that_cannot_be_used_leaves_that_of_the_code() {
    let scratch = tempfile::tempdir().unwrap();
    let broken = scratch.path().join("broken.json");
    std::fs::write(&broken, r#"{"schema_version": 1, "metrics": 3}"#).unwrap();
    let own = r#"{"schema_version": 1, "metrics": [
        {"name": "runs_total", "type": "counter", "unit": "runs", "help": "Runs."}]}"#;
    for (path, what, fix) in [
        (scratch.path().join("no.json"), "no such file", "create it"),
        (broken, "metrics", "; until"),
    ] {
        for (config, until) in [
            (config().registry(own), "the registry of init! holds"),
            (config(), "metrics are observed, not checked"),
        ] {
            let problems = Problems::default();
            let env = Environment::of(&[("RADIOSONDE_REGISTRY", path.to_str().unwrap())]);
            let settings = Settings::resolve(&config, &env, &problems);
            let found = settings.registry.map(|merged| merged.registry.metrics.len());
            assert_eq!(found, (!config.registries.is_empty()).then_some(1));
            let problems = problems.all();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].what.starts_with("RADIOSONDE_REGISTRY not used: "), "{problems:?}");
            assert!(problems[0].what.contains(what), "{problems:?}");
            assert!(problems[0].fix.contains(fix), "{problems:?}");
            let end = format!(", or unset RADIOSONDE_REGISTRY; until then {until}");
            assert!(problems[0].fix.ends_with(&end), "{problems:?}");
        }
    }
}
