//! Where a record comes from: resource and instrumentation scope.

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use radiosonde_record::{Descriptor, Journal, Value};

use super::value::{Held, text_of};

/// The source of what has no scope.
pub(super) const SOURCE: &str = "opentelemetry";

/// Resource and scope of records that came together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    /// The service, where it is not that of the journal.
    service: Option<&'a str>,
    scope: Option<&'a InstrumentationScope>,
}

impl<'a> Origin<'a> {
    pub(super) fn new(
        journal: &Journal,
        resource: Option<&'a Resource>,
        scope: Option<&'a InstrumentationScope>,
    ) -> Self {
        let attributes = resource.map(|resource| resource.attributes.as_slice());
        let service = attributes.and_then(|attributes| text_of(attributes, "service.name"));
        let is_own = |service: &&str| journal.service() == Some(service);
        // What the SDK says when nobody has told it anything.
        let is_said =
            |service: &&str| !service.is_empty() && !service.starts_with("unknown_service");
        Self { service: service.filter(|service| !is_own(service)).filter(is_said), scope }
    }

    /// The name of the scope, which is the target of events of `tracing`.
    pub(super) fn source(&self) -> &'a str {
        self.scope
            .map(|scope| scope.name.as_str())
            .filter(|name| !name.is_empty())
            .unwrap_or(SOURCE)
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
        let Some(scope) = self.scope else { return };
        if !scope.version.is_empty() {
            f("otel.scope.version", Value::Str(&scope.version));
        }
        for KeyValue { key, value, .. } in &scope.attributes {
            f(&format!("otel.scope.{key}"), Held::of(value.as_ref()).value());
        }
    }

    /// The same with the name of the scope, for lines that have another source.
    pub(super) fn each_with_name(&self, f: &mut dyn FnMut(&str, Value<'_>)) {
        if let Some(scope) = self.scope.filter(|scope| !scope.name.is_empty()) {
            f("otel.scope.name", Value::Str(&scope.name));
        }
        self.each(f);
    }
}
