//! Regular expressions of the schema, in what ECMAScript (with the `u` flag) and others share.

/// Something that is not blank.
pub(super) const SAID: &str = r"\S";

/// As Prometheus writes durations, above 0.
pub(super) const DURATION: &str = concat!(
    "^(?=.*[1-9])(?:[0-9]+y)?(?:[0-9]+w)?(?:[0-9]+d)?(?:[0-9]+h)?",
    "(?:[0-9]+m)?(?:[0-9]+s)?(?:[0-9]+ms)?$"
);

/// A duration, or no time at all.
pub(super) const DURATION_OR_START: &str = concat!(
    "^(?:0[ms]?|(?=.*[1-9])(?:[0-9]+y)?(?:[0-9]+w)?(?:[0-9]+d)?(?:[0-9]+h)?",
    "(?:[0-9]+m)?(?:[0-9]+s)?(?:[0-9]+ms)?)$"
);

/// A metric name of Prometheus.
pub(super) const METRIC: &str = "^[a-zA-Z_:][a-zA-Z0-9_:]*$";

/// A label name that is not reserved.
pub(super) const LABEL: &str =
    "^(?!__|(?:le|otel_metric_overflow|quantile)$)[a-zA-Z_][a-zA-Z0-9_]*$";

/// Names of alerts, dashboards, objectives and reports.
pub(super) const SLUG: &str = "^[a-z][a-z0-9_-]*$";

/// `YYYY-MM-DD`.
pub(super) const DATE: &str = "^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$";

/// The path of a Rust module.
pub(super) const MODULE: &str = "^[a-zA-Z_][a-zA-Z0-9_]*(?:::[a-zA-Z_][a-zA-Z0-9_]*)*$";

/// What a link may lead to.
pub(super) const ADDRESS: &str = r"^(?:https?://\S+|/\S*)$";

/// `HH:MM`.
pub(super) const TIME: &str = "^(?:[01][0-9]|2[0-3]):[0-5][0-9]$";

/// The name of a time zone.
pub(super) const ZONE: &str = "^(?:UTC|[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z][A-Za-z0-9_+-]*)+)$";

/// Five fields: numbers in their ranges, `*`, ranges and steps.
pub(super) const CRON: &str = {
    macro_rules! field {
        ($number:literal) => {
            concat!(part!($number), "(?:,", part!($number), ")*")
        };
    }
    macro_rules! part {
        ($number:literal) => {
            concat!("(?:[*](?:", step!(), ")?|", $number, "(?:-", $number, "(?:", step!(), ")?)?)")
        };
    }
    macro_rules! step {
        () => {
            "/0*[1-9][0-9]{0,1}"
        };
    }
    concat!(
        r"^\s*",
        field!("(?:0?[0-9]|[1-5][0-9])"),
        r"\s+",
        field!("(?:0?[0-9]|1[0-9]|2[0-3])"),
        r"\s+",
        field!("(?:0?[1-9]|[12][0-9]|3[01])"),
        r"\s+",
        field!("(?:0?[1-9]|1[0-2])"),
        r"\s+",
        field!("(?:0?[0-7])"),
        r"\s*$"
    )
};

/// A series of a test: a name and perhaps labels.
pub(super) const SERIES: &str = concat!(
    r"^[a-zA-Z_:][a-zA-Z0-9_:]*",
    r#"(?:\{\s*(?:[a-zA-Z_][a-zA-Z0-9_]*\s*=\s*"(?:[^"\\]|\\.)*"\s*(?:,\s*|(?=\})))*\}\s*)?$"#
);

/// The values of a series of a test.
pub(super) const VALUES: &str = {
    macro_rules! number {
        () => {
            r"[+-]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|[iI]nf|[nN]a[nN])"
        };
    }
    macro_rules! token {
        () => {
            concat!(
                "(?:_(?:x[0-9]{1,6})?|stale|",
                number!(),
                "(?:(?:[+-]",
                number!(),
                ")?x[0-9]{1,6})?)"
            )
        };
    }
    concat!(r"^\s*", token!(), r"(?:\s+", token!(), r")*\s*$")
};

/// The name of an environment variable.
pub(super) const VARIABLE: &str = "^[A-Z_][A-Z0-9_]*$";

/// A path that does not lead out of its folder.
pub(super) const INSIDE: &str = r"^(?!(?:.*[/\\])?\.\.(?:[/\\]|$))";
