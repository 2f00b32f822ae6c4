//! Where a record comes from: resource and instrumentation scope.

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use radiosonde_record::{Descriptor, Journal, Value};

use super::labels::cut;
use super::value::{Held, text_of};

/// The source of what has no scope.
pub(super) const SOURCE: &str = "opentelemetry";

/// Attributes of a scope that stand with each of its records; the others are counted there.
const ATTRIBUTES_MAX: usize = 64;
/// Longest name of a scope, in bytes, as call sites have it; more is cut.
const NAME_MAX: usize = 512;

/// The service of a resource, where it is not that of the journal.
pub(super) fn service<'a>(journal: &Journal, resource: Option<&'a Resource>) -> Option<&'a str> {
    let service = text_of(&resource?.attributes, "service.name")?;
    let is_own = journal.service() == Some(service);
    // What the SDK says when nobody has told it anything.
    let is_said = !service.is_empty() && !service.starts_with("unknown_service");
    (is_said && !is_own).then_some(service)
}

/// Resource and scope of records that came together. Looked at once for all of them.
#[derive(Debug)]
pub(super) struct Origin<'a> {
    service: Option<&'a str>,
    /// The name of the scope, or empty.
    name: &'a str,
    version: &'a str,
    attributes: Vec<(String, Held<'a>)>,
    /// Attributes that were left out, by the SDK or here.
    dropped: u64,
}

impl<'a> Origin<'a> {
    pub(super) fn new(service: Option<&'a str>, scope: Option<&'a InstrumentationScope>) -> Self {
        let (name, version) =
            scope.map_or(("", ""), |scope| (cut(&scope.name, NAME_MAX).0, scope.version.as_str()));
        let attributes = scope.map_or(&[][..], |scope| &scope.attributes);
        let past = attributes.len().saturating_sub(ATTRIBUTES_MAX) as u64;
        let by_sdk = scope.map_or(0, |scope| scope.dropped_attributes_count);
        let attributes =
            attributes.iter().take(ATTRIBUTES_MAX).map(|KeyValue { key, value, .. }| {
                (format!("otel.scope.{}", cut(key, NAME_MAX).0), Held::of(value.as_ref()))
            });
        let attributes = attributes.collect();
        Self { service, name, version, attributes, dropped: past + u64::from(by_sdk) }
    }

    /// The name of the scope, which is the target of events of `tracing`.
    pub(super) fn source(&self) -> &'a str {
        if self.name.is_empty() { SOURCE } else { self.name }
    }

    /// The call site of records from here.
    pub(super) fn descriptor(&self, name: &str) -> Descriptor {
        let (name, source) = (name.to_owned(), self.source().to_owned());
        Descriptor { name, source, ..Descriptor::default() }
    }

    /// What has no place of its own in a line, but the name of the scope.
    pub(super) fn each(&self, f: &mut dyn FnMut(&str, Value<'_>)) {
        if let Some(service) = self.service {
            f("service.name", Value::Str(service));
        }
        if !self.version.is_empty() {
            f("otel.scope.version", Value::Str(self.version));
        }
        for (key, value) in &self.attributes {
            f(key, value.value());
        }
        if self.dropped > 0 {
            f("otel.scope.dropped_attributes_count", Value::U64(self.dropped));
        }
    }

    /// The same with the name of the scope, for lines that have another source.
    pub(super) fn each_with_name(&self, f: &mut dyn FnMut(&str, Value<'_>)) {
        if !self.name.is_empty() {
            f("otel.scope.name", Value::Str(self.name));
        }
        self.each(f);
    }
}
