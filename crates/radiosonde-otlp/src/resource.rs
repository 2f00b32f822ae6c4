//! The resource: who sends, said once in every request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::wire::Writer;

/// Attributes of the process whose telemetry is sent, by name.
///
/// They are part of a spool's manifest: whoever sends what a dead process has left sends it under that
/// one's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Resource {
    attributes: BTreeMap<String, String>,
}

impl Resource {
    /// A service by its name, version and instance, with what OpenTelemetry asks every SDK to say of
    /// itself: `service.name`, `service.version` (unless empty), `service.instance.id` and
    /// `telemetry.sdk.{name,language,version}`.
    pub fn new(service: &str, version: &str, instance: &str) -> Self {
        Self::default()
            .with("service.name", service)
            .with("service.version", version)
            .with("service.instance.id", instance)
            .with("telemetry.sdk.name", "radiosonde")
            .with("telemetry.sdk.language", "rust")
            .with("telemetry.sdk.version", env!("CARGO_PKG_VERSION"))
    }

    /// The same with this attribute in place of the one of that name. Without a name, or with an empty
    /// value, nothing changes.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if !name.is_empty() && !value.is_empty() {
            let _before = self.attributes.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// The same with an attribute, unless there is one of that name.
    #[must_use]
    pub fn or(self, name: &str, value: &str) -> Self {
        if self.attributes.contains_key(name) { self } else { self.with(name, value) }
    }

    /// The attributes, sorted by name.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// The message `Resource` of OTLP.
    pub fn encode(&self) -> Vec<u8> {
        const ATTRIBUTES: u32 = 1;
        let mut out = Writer::default();
        for (name, value) in self.attributes() {
            crate::value::text_attribute(&mut out, ATTRIBUTES, name, value);
        }
        out.into_bytes()
    }
}
