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

/// A metric name without colons.
pub(super) const PLAIN_METRIC: &str = "^[a-zA-Z_][a-zA-Z0-9_]*$";

/// No control characters.
pub(super) const PRINTABLE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

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

/// A channel or a person of Slack.
pub(super) const CHANNEL: &str = "^\\s*[#@]";

/// A mail address, as far as a glance tells.
pub(super) const MAIL: &str = "^\\s*[^\\s@]+@\\S+\\s*$";

/// The name of an instrument of OpenTelemetry.
pub(super) const INSTRUMENT: &str = "^[a-zA-Z][a-zA-Z0-9_./-]*$";

/// A unit of OpenTelemetry.
pub(super) const OTEL_UNIT: &str = "^[!-~]+$";

/// A name without capital letters.
pub(super) const NO_CAPITALS: &str = "^[^A-Z]*$";

/// The name of a counter.
pub(super) const COUNTER: &str = "_total$";

/// The name of anything else.
pub(super) const NOT_A_COUNTER: &str = "^(?!.*_total$)";

/// A name that does not end like a part of another.
pub(super) const NOT_A_PART: &str = "^(?!.*_(?:bucket|count|created|sum)$)";

/// A name without a short form of a unit behind its first word.
pub(super) const SPELT_OUT: &str = "^(?!.*_(?:s|ms|us|ns|sec|b|kb|mb|gb|tb|pb|m|h|d)(?:_|$))";

/// A name that says version 1, or none.
pub(super) const NO_VERSION: &str = "^(?!.+_v(?:[2-9]|[1-9][0-9]{1,8})(?:_total)?$)";

/// A name that says its version.
pub(super) const VERSIONED: &str = "._v[1-9][0-9]*(?:_total)?$";

/// What an editor says where a text does not fit, instead of showing the expression.
pub(super) const MESSAGES: &[(&str, &str)] = &[
    (SAID, "The text is empty."),
    (DURATION, "Not a duration above 0: write it as 30s, 10m, 1h30m or 14d."),
    (DURATION_OR_START, "Not a duration: write it as 30s, 10m or 1h30m."),
    (METRIC, "Not a metric name: use letters, digits and underscores, not beginning with a digit."),
    (
        PLAIN_METRIC,
        "Not a metric name: use letters, digits and underscores; colons are for derived metrics.",
    ),
    (PRINTABLE, "Write it in printable characters."),
    (
        LABEL,
        "Not a label name, or reserved: use letters, digits and underscores, not beginning with a digit or two underscores.",
    ),
    (SLUG, "Use small letters, digits, - and _, a letter first."),
    (DATE, "Not a date: write it as 2026-11-01."),
    (MODULE, "Not the path of a module: write it as sqlx or tower_http::metrics."),
    (ADDRESS, "Not an address: begin it with https://, or with / for a path."),
    (TIME, "Not a time of day: write it as 09:45, from 00:00 to 23:59."),
    (ZONE, "Not the name of a time zone: write UTC or America/Los_Angeles."),
    (
        CRON,
        "Not a cron line: write minute, hour, day, month and day of the week as in 45 9 * * 1-5.",
    ),
    (SERIES, "Not a series: write it as name{label=\"value\"}."),
    (VALUES, "Not the values of a series: write numbers, 0+10x5, _ for none or stale."),
    (
        VARIABLE,
        "Name the environment variable that holds the address, which is a secret, such as CHAT_URL.",
    ),
    (INSIDE, "The path leads out of its folder: write it without `..`."),
    (CHANNEL, "Not a Slack channel: write it as #channel or @person."),
    (MAIL, "Not a mail address: write it as team@example.org."),
    (
        INSTRUMENT,
        "Not the name of an instrument: use letters, digits, _, ., / and -, a letter first.",
    ),
    (OTEL_UNIT, "Not a unit: use ASCII without spaces, such as s or By."),
    (NO_CAPITALS, "Capital letters: write it in snake_case, or allow camel_case in lint_allow."),
    (COUNTER, "A counter ends in _total, or allows counter_suffix in lint_allow."),
    (NOT_A_COUNTER, "Only counters end in _total; or allow total_suffix in lint_allow."),
    (
        NOT_A_PART,
        "It ends like a part of a histogram or summary; choose another ending, or allow reserved_suffix in lint_allow.",
    ),
    (SPELT_OUT, "Write the unit out, such as _seconds, or allow abbreviated_unit in lint_allow."),
    (
        NO_VERSION,
        "The name says another version than version, which is 1 if it is left out; or allow version_suffix in lint_allow.",
    ),
    (
        VERSIONED,
        "From version 2 on the name says it, as in runs_v2_total; or allow version_suffix in lint_allow.",
    ),
];
