//! `init!`, its relatives, and `catalog!`.

/// Starts telemetry and returns its [`Guard`](crate::Guard). Cannot fail.
///
/// ```
/// # let scratch = std::env::temp_dir().join(format!("radiosonde-init-{}", std::process::id()));
/// let telemetry = radiosonde::init!(
///     service = "shop",
///     dir = &scratch,
///     labels = {"environment" => "staging"},
/// );
/// assert_eq!(telemetry.report().service, "shop");
/// # drop(telemetry); std::fs::remove_dir_all(&scratch).ok();
/// ```
///
/// A macro, because only a macro sees the caller's package name and version. Each `key = value`
/// calls the method of [`Config`](crate::Config) of that name; `labels = {name => value, …}` calls
/// `label` for each, and `rate_limits = {Level::Debug => 100, …}` calls `rate_limit`.
#[macro_export]
macro_rules! init {
    ($($settings:tt)*) => { $crate::config!($($settings)*).init() };
}

/// As [`init!`], for programs that rather stop than run with a problem: every
/// [`Problem`](crate::Problem) is in the error. What comes with time, such as the end of a
/// deprecation, is a [warning](crate::Severity::Warning) in the report, and stops nothing.
#[macro_export]
macro_rules! try_init {
    ($($settings:tt)*) => { $crate::config!($($settings)*).try_init() };
}

/// The [`Config`](crate::Config) that [`init!`] would start, for settings that are known at run
/// time only.
///
/// ```
/// let mut config = radiosonde::config!(service = "shop");
/// if let Ok(address) = std::env::var("SHOP_METRICS") {
///     config = config.prometheus(address);
/// }
/// # let _ = config;
/// ```
#[macro_export]
macro_rules! config {
    (@set $config:expr;) => { $config };
    (@set $config:expr; labels = { $($name:expr => $value:expr),* $(,)? } $(, $($rest:tt)*)?) => {
        $crate::config!(@set $config$(.label($name, $value))*; $($($rest)*)?)
    };
    (@set
        $config:expr; rate_limits = { $($level:expr => $limit:expr),* $(,)? } $(, $($rest:tt)*)?
    ) => {
        $crate::config!(@set $config$(.rate_limit($level, $limit))*; $($($rest)*)?)
    };
    (@set $config:expr; labels = [ $($labels:tt)* ] $($rest:tt)*) => {
        compile_error!(concat!(
            "labels stand in braces: write `labels = {", stringify!($($labels)*), "}`"
        ))
    };
    (@set $config:expr; rate_limits = [ $($limits:tt)* ] $($rest:tt)*) => {
        compile_error!(concat!(
            "limits stand in braces: write `rate_limits = {", stringify!($($limits)*), "}`"
        ))
    };
    (@set $config:expr; $key:ident = $value:expr $(, $($rest:tt)*)?) => {
        $crate::config!(@set $config.$key($value); $($($rest)*)?)
    };
    (@set $config:expr; $key:ident : $value:expr $(, $($rest:tt)*)?) => {
        compile_error!(concat!(
            "a setting is written with `=`: write `", stringify!($key), " = ", stringify!($value), "`"
        ))
    };
    (@set $config:expr; $($rest:tt)+) => {
        compile_error!(concat!(
            "expected settings such as `service = \"shop\"`, with commas between them, and found `",
            stringify!($($rest)+), "`"
        ))
    };
    ($($settings:tt)*) => {
        $crate::config!(@set
            $crate::Config::new(
                $crate::Service::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
                    .in_crate(module_path!())
                    .in_test(cfg!(test)),
            );
            $($settings)*)
    };
}

/// Compiles a metric registry into the program as `mod catalog`: a metric that is not declared
/// cannot be written.
///
/// ```ignore
/// radiosonde::catalog!("registry.json"); // relative to the caller's Cargo.toml
///
/// let _telemetry = radiosonde::init!(registry = catalog::REGISTRY);
/// let provider = catalog::Provider::new("acme");
/// catalog::ingestion_runs_total(&provider, catalog::Outcome::Success).increment(1);
/// ```
///
/// Each metric that the program writes is a function, with its labels as parameters in the order of
/// the registry, and returns a handle: see [`typed`](crate::typed). A label with a list of values is
/// an enum; any other takes a value that was resolved before, or a text. Names that are no Rust
/// names get predictable ones, listed in the documentation of the crate `radiosonde-macros`. For the
/// macros of the `metrics` crate there is a constant for each name: `catalog::INGESTION_RUNS_TOTAL`.
///
/// Required labels that a metric does not declare itself are no parameters: they belong to the
/// process and come from `init!(labels = …)`. Deprecated metrics make the compiler warn, with what
/// to use instead.
///
/// A registry with an error does not compile; the message names line, column, path and fix. When the
/// file changes, the crate is compiled again.
#[macro_export]
macro_rules! catalog {
    ($($path:tt)*) => { $crate::__private::catalog!([$crate] $($path)*); };
}
