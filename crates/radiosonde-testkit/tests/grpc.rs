//! gRPC: fields, compression, statuses and what breaks, with the client that OpenTelemetry generates.

mod common;

use common::{WITHIN, logs, metrics, traces};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message as _;
use radiosonde_testkit::{Fault, Receiver, Script, Transport};
use std::time::Duration;
use tonic::codec::CompressionEncoding;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn channel(receiver: &Receiver) -> Channel {
    Endpoint::new(receiver.grpc_endpoint())
        .expect("an endpoint")
        .connect()
        .await
        .expect("a channel")
}

/// What one request of two log records comes to.
fn export(receiver: &Receiver, within: Duration) -> Result<i64, Status> {
    runtime().block_on(async {
        let mut client = LogsServiceClient::new(channel(receiver).await);
        let answer = tokio::time::timeout(within, client.export(logs())).await;
        let answer = answer.map_err(|_| Status::cancelled("no answer in time"))??.into_inner();
        Ok(answer.partial_success.map_or(0, |partial| partial.rejected_log_records))
    })
}

#[test]
fn all_signals_arrive_as_over_http_plain_and_compressed() {
    let over_http = Receiver::start().expect("a receiver");
    for (path, body) in [
        ("/v1/logs", logs().encode_to_vec()),
        ("/v1/traces", traces().encode_to_vec()),
        ("/v1/metrics", metrics().encode_to_vec()),
    ] {
        common::post(&over_http.http_endpoint(), path, "", &body).expect("an answer");
    }
    let expected = over_http.wait_for(8, WITHIN).expect("all records");
    for compression in [None, Some(CompressionEncoding::Gzip)] {
        let receiver = Receiver::start().expect("a receiver");
        runtime().block_on(async {
            let channel = channel(&receiver).await;
            let mut of_logs = LogsServiceClient::new(channel.clone());
            let mut of_traces = TraceServiceClient::new(channel.clone());
            let mut of_metrics = MetricsServiceClient::new(channel);
            if let Some(encoding) = compression {
                of_logs = of_logs.send_compressed(encoding);
                of_traces = of_traces.send_compressed(encoding);
                of_metrics = of_metrics.send_compressed(encoding);
            }
            of_logs.export(logs()).await.expect("success");
            of_traces.export(traces()).await.expect("success");
            of_metrics.export(metrics()).await.expect("success");
        });
        assert_eq!(receiver.received(), expected, "{compression:?}");
        let requests = receiver.requests();
        assert!(requests.iter().all(|found| found.transport == Transport::Grpc && found.is_kept));
        let encodings = requests.iter().filter_map(|found| found.header("grpc-encoding"));
        assert_eq!(encodings.count(), if compression.is_some() { 3 } else { 0 });
    }
}

#[test]
fn a_status_is_the_one_of_the_script() {
    let partial = Fault::PartialSuccess { rejected: 1, message: "one too many".into() };
    for (fault, expected, kept) in [
        (Fault::Healthy, Ok(0), 2),
        (partial, Ok(1), 1),
        (Fault::grpc(14, None), Err(Code::Unavailable), 0),
        (Fault::grpc(16, None), Err(Code::Unauthenticated), 0),
        (Fault::TooLarge { bytes_max: 10 }, Err(Code::ResourceExhausted), 0),
        (Fault::Poison("order.placed".into()), Err(Code::InvalidArgument), 0),
        (Fault::Uncompressed, Ok(0), 2),
        // What proxies answer, a status of HTTP and a text. gRPC's table has a code for each, but tonic
        // reads the text as a message first; whoever wants the code has to look before it does.
        (Fault::status(503), Err(Code::Internal), 0),
        (Fault::status(401), Err(Code::Internal), 0),
    ] {
        let receiver = Receiver::with(Script::healthy().requests(1, fault.clone()));
        let receiver = receiver.expect("a receiver");
        let result = export(&receiver, WITHIN).map_err(|status| status.code());
        assert_eq!(result, expected, "{fault:?}");
        assert_eq!(receiver.received().len(), kept, "{fault:?}");
        assert_eq!(export(&receiver, WITHIN).map_err(|status| status.code()), Ok(0), "after it");
    }
}

#[test]
fn retry_info_is_in_the_details() {
    let fault = Fault::grpc(8, Some(Duration::from_millis(2500)));
    let receiver = Receiver::with(Script::healthy().requests(1, fault)).expect("a receiver");
    let status = export(&receiver, WITHIN).expect_err("throttled");
    assert_eq!(status.code(), Code::ResourceExhausted);
    let details = status.details();
    let kind = b"google.rpc.RetryInfo";
    assert!(details.windows(kind.len()).any(|window| window == kind), "{details:?}");
    // The delay: field 1, seconds 2, nanoseconds 500,000,000 as a variable-length number.
    let delay = [0x08, 0x02, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01];
    assert!(details.windows(delay.len()).any(|window| window == delay), "{details:?}");
}

#[test]
fn compressed_requests_can_be_refused() {
    let script = Script::healthy().until_told(Fault::Uncompressed);
    let receiver = Receiver::with(script).expect("a receiver");
    let status = runtime().block_on(async {
        let client = LogsServiceClient::new(channel(&receiver).await);
        let mut client = client.send_compressed(CompressionEncoding::Gzip);
        client.export(logs()).await.expect_err("refused").code()
    });
    assert_eq!(status, Code::Unimplemented);
    assert_eq!(export(&receiver, WITHIN).expect("taken"), 0);
}

#[test]
fn streams_and_connections_break_as_the_fault_says() {
    for (fault, kept) in
        [(Fault::Reset, 0), (Fault::LoseAnswer, 2), (Fault::HalfAnswer, 2), (Fault::Garbage, 2)]
    {
        let receiver = Receiver::with(Script::healthy().requests(1, fault.clone()));
        let receiver = receiver.expect("a receiver");
        let status = export(&receiver, WITHIN).expect_err("no answer");
        let broken = [Code::Internal, Code::Unavailable, Code::Unknown, Code::Cancelled];
        assert!(broken.contains(&status.code()), "{fault:?}: {status}");
        assert_ne!(status.message(), "no answer in time", "{fault:?}");
        assert_eq!(receiver.received().len(), kept, "{fault:?}");
    }
    for fault in [Fault::HangBeforeBody, Fault::HangAfterBody] {
        let receiver = Receiver::with(Script::healthy().requests(1, fault)).expect("a receiver");
        let status = export(&receiver, Duration::from_millis(300)).expect_err("no answer");
        assert_eq!(status.message(), "no answer in time");
        assert_eq!((receiver.received().len(), receiver.request_count()), (0, 1));
    }
}
