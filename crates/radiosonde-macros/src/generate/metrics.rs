//! The constant and the function of each metric.

use std::fmt::Write as _;

use radiosonde_registry::{
    MetricSpec, MetricType, Registry, Status, code as names, units_per_second,
};

use super::{TYPED, docs};

/// The constant and the function of a metric.
pub(super) fn metric(code: &mut String, registry: &Registry, metric: &MetricSpec) {
    let name = &metric.name;
    let deprecated = deprecated(metric);
    let _written = writeln!(
        code,
        "#[doc = {:?}]\n{deprecated}pub const {}: &str = {name:?};",
        docs::constant(metric),
        names::constant(name)
    );
    let (handle, method) = match metric.metric_type {
        MetricType::Counter => ("Counter", "counter"),
        MetricType::Gauge => ("Gauge", "gauge"),
        MetricType::Summary => ("Summary", "summary"),
        _ => ("Histogram", "histogram"),
    };
    let per_second = metric.unit.as_deref().and_then(units_per_second);
    // Only there a duration means something.
    let unit = match (metric.metric_type, per_second) {
        (MetricType::Counter, _) | (_, None) => String::new(),
        (_, Some(_)) => format!("<{TYPED}::Time>"),
    };
    let mut parameters = String::new();
    // By name, as families have them: nothing is to be brought into order at run time.
    let mut values = std::collections::BTreeMap::new();
    for label in &metric.labels {
        let listed = registry.labels.get(label).is_some_and(|spec| spec.values.is_some());
        let (parameter, own) = (names::parameter(label), names::label_type(label));
        let (taken, value) = if listed {
            (own, format!("{TYPED}::Part::listed({parameter}), "))
        } else {
            let value = format!("{TYPED}::LabelValue::<{own}>::part({parameter}), ");
            (format!("&(impl {TYPED}::LabelValue<{own}> + ?::core::marker::Sized)"), value)
        };
        let _written = write!(parameters, "{parameter}: {taken}, ");
        let _unique = values.insert(label.as_str(), value);
    }
    let labels: Vec<&str> = values.keys().copied().collect();
    let values: String = values.into_values().collect();
    // Inlined: what nobody calls costs nobody time.
    let _written = writeln!(
        code,
        "#[doc = {:?}]\n{deprecated}#[inline]\n\
         pub fn {}({parameters}) -> {TYPED}::{handle}{unit} {{\n\
         static METRIC: {TYPED}::Metric = \
         {TYPED}::Metric::new({name:?}, {:?}, ::core::module_path!(), &{:?});\n\
         METRIC.{method}(move || [{values}])\n}}",
        docs::metric(registry, metric),
        names::function(name),
        per_second.unwrap_or(1.0),
        labels
    );
}

/// The attribute that makes the compiler warn about the use of a deprecated metric.
fn deprecated(metric: &MetricSpec) -> String {
    let Status::Deprecated(deprecation) = &metric.status else { return String::new() };
    let since = deprecation.since.as_ref();
    let since = since.map_or_else(String::new, |since| format!("since = {since:?}, "));
    format!("#[deprecated({since}note = {:?})]\n", docs::instead(deprecation))
}
