//! Which methods are known: those of the environment, else those of the layer. One test: a process
//! reads its environment once.

mod common;

use std::convert::Infallible;
use std::process::Command;

use bytes::Bytes;
use common::World;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use radiosonde_http::client::ClientLayer;
use radiosonde_http::server::ServerLayer;
use tower::{Layer, Service, service_fn};

const VARIABLE: &str = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS";
const NAMED: &str = "GET, PURGE";

async fn answer<B>(_: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::default()))
}

/// What the spans of a client and its server say of requests with these methods.
async fn methods(world: &World, client: ClientLayer, server: ServerLayer) -> Vec<String> {
    let mut service = client.layer(server.layer(service_fn(answer)));
    for method in ["GET", "POST", "PURGE", "PROPFIND"] {
        let request = Request::builder().method(method).uri("http://a.example/");
        let request = request.body(Full::<Bytes>::default()).expect("a request");
        let answer = service.call(request).await.expect("an answer");
        let _read = answer.into_body().collect().await.expect("a body");
    }
    let spans = world.closed(8).await;
    let said = spans.iter().map(|(_, fields)| {
        let original = fields.get("http.request.method_original");
        assert_eq!(original.is_some(), fields["http.request.method"] == "_OTHER", "{fields:?}");
        fields["http.request.method"].clone()
    });
    let said: Vec<String> = said.collect();
    for side in ["client", "server"] {
        let series = world.series(&format!("http_{side}_request_duration_seconds"));
        let has = |name: &String| {
            series.iter().any(|(labels, _)| labels.get("http_request_method") == Some(name))
        };
        assert!(said.iter().all(has), "{said:?} in {series:?}");
    }
    world.assert_nothing_refused();
    said
}

#[test]
fn a_layer_has_methods_of_its_own_unless_the_environment_names_them() {
    let is_named = std::env::var_os(VARIABLE).is_some();
    if !is_named {
        let mut named = Command::new(std::env::current_exe().expect("this program"));
        let status = named.env(VARIABLE, NAMED).status().expect("it starts");
        assert!(status.success(), "with {VARIABLE}={NAMED}");
    }
    World::run(async |world| {
        let found = methods(&world, ClientLayer::new(), ServerLayer::new()).await;
        let expected = match is_named {
            true => ["GET", "_OTHER", "PURGE", "_OTHER"],
            false => ["GET", "POST", "_OTHER", "_OTHER"],
        };
        assert_eq!(found, expected.map(|method| [method; 2]).concat());

        let client = ClientLayer::new().known_methods(&["PROPFIND"]);
        let server = ServerLayer::new().known_methods(&["PROPFIND"]);
        let found = methods(&world, client, server).await;
        let expected = match is_named {
            true => expected,
            false => ["_OTHER", "_OTHER", "_OTHER", "PROPFIND"],
        };
        assert_eq!(found, expected.map(|method| [method; 2]).concat());
    });
}
