//! Requests, put together from entries.

use std::collections::HashMap;

use crate::entry::Entry;
use crate::wire::{Writer, block_size};

// `ExportLogsServiceRequest`, `ExportMetricsServiceRequest` and `ExportTraceServiceRequest` have the same
// fields under the same numbers, and so have the messages in them.
const OF_RESOURCE: u32 = 1;
const RESOURCE: u32 = 1;
const OF_SCOPE: u32 = 2;
const SCOPE: u32 = 1;
const ITEM: u32 = 2;

/// Makes the request that exports entries of one signal: an `Export…ServiceRequest` of OTLP.
///
/// `resource` is that of their owner, as [`Resource::encode`](crate::Resource::encode) makes it. Items
/// of one scope stand together, scopes and items in the order they came. The same entries make the same
/// request, so that it can be sent again.
pub fn assemble(resource: &[u8], entries: &[Entry<'_>]) -> Vec<u8> {
    let scopes = by_scope(entries);
    let of_resource: usize = block_size(resource.len())
        + scopes.iter().map(|scope| block_size(scope.size)).sum::<usize>();
    let mut request = Writer::with_capacity(block_size(of_resource));
    request.message_of(OF_RESOURCE, of_resource, |request| {
        request.block(RESOURCE, resource);
        for scope in &scopes {
            request.message_of(OF_SCOPE, scope.size, |request| {
                request.block(SCOPE, scope.encoded);
                for item in &scope.items {
                    request.block(ITEM, item);
                }
            });
        }
    });
    request.into_bytes()
}

/// The items of one scope.
struct Scope<'a> {
    encoded: &'a [u8],
    items: Vec<&'a [u8]>,
    /// Bytes of all of it.
    size: usize,
}

fn by_scope<'a>(entries: &[Entry<'a>]) -> Vec<Scope<'a>> {
    let mut scopes: Vec<Scope<'a>> = Vec::new();
    let mut places: HashMap<&[u8], usize> = HashMap::new();
    for Entry { scope: encoded, item, .. } in entries {
        let place = *places.entry(encoded).or_insert_with(|| {
            let size = block_size(encoded.len());
            scopes.push(Scope { encoded, items: Vec::new(), size });
            scopes.len() - 1
        });
        if let Some(scope) = scopes.get_mut(place) {
            scope.items.push(item);
            scope.size += block_size(item.len());
        }
    }
    scopes
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, any_value};
    use opentelemetry_proto::tonic::logs::v1::LogRecord;
    use prost::Message as _;

    use super::*;
    use crate::Resource;

    fn scope(name: &str) -> Vec<u8> {
        InstrumentationScope { name: name.to_owned(), ..Default::default() }.encode_to_vec()
    }

    fn log(body: &str) -> Vec<u8> {
        let value = Some(any_value::Value::StringValue(body.to_owned()));
        LogRecord { body: Some(AnyValue { value }), ..Default::default() }.encode_to_vec()
    }

    fn bodies(request: &ExportLogsServiceRequest) -> Vec<(String, Vec<usize>)> {
        let scopes = request.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
        let length = |log: &LogRecord| match log.body.as_ref().and_then(|body| body.value.as_ref())
        {
            Some(any_value::Value::StringValue(text)) => text.len(),
            _ => 0,
        };
        let scope = |scope: &opentelemetry_proto::tonic::logs::v1::ScopeLogs| {
            let name = scope.scope.as_ref().map_or(String::new(), |scope| scope.name.clone());
            (name, scope.log_records.iter().map(length).collect())
        };
        scopes.map(scope).collect()
    }

    #[test]
    fn a_request_has_its_items_by_scope_in_their_order() {
        let [one, two] = ["shop::cart", "shop::mail"].map(scope);
        let logs = [1, 200, 20_000, 3_000_000].map(|length| log(&"x".repeat(length)));
        let entry = |scope, item| Entry { records: 1, scope, item };
        let entries = [
            entry(&two[..], &logs[0][..]),
            entry(&one, &logs[1]),
            entry(&two, &logs[2]),
            entry(&one, &logs[3]),
        ];
        let resource = Resource::new("shop", "1.2", "k3f9q2xw").encode();
        let bytes = assemble(&resource, &entries);
        let request = ExportLogsServiceRequest::decode(&bytes[..]).unwrap();
        let expected = [("shop::mail", vec![1, 20_000]), ("shop::cart", vec![200, 3_000_000])];
        assert_eq!(bodies(&request), expected.map(|(name, lengths)| (name.to_owned(), lengths)));
        // Also by whoever compares bytes: there is nothing in it that its reader would write otherwise.
        assert_eq!(request.encode_to_vec(), bytes);
        assert_eq!(assemble(&resource, &entries), bytes);
        assert_eq!(bytes.capacity(), bytes.len(), "made in one go");
    }

    #[test]
    fn nothing_is_a_request_with_a_resource() {
        let resource = Resource::new("shop", "", "k3f9q2xw").with("empty", "").encode();
        let request = ExportLogsServiceRequest::decode(&assemble(&resource, &[])[..]).unwrap();
        let [resource] = &request.resource_logs[..] else { panic!("{request:?}") };
        let attributes = &resource.resource.as_ref().unwrap().attributes;
        let names: Vec<_> = attributes.iter().map(|attribute| attribute.key.as_str()).collect();
        let expected = [
            "service.instance.id",
            "service.name",
            "telemetry.sdk.language",
            "telemetry.sdk.name",
            "telemetry.sdk.version",
        ];
        assert_eq!(names, expected);
    }
}
