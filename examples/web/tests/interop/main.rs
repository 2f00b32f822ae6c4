//! A program nobody here wrote, with the OpenTelemetry SDK of Python, calls our server over HTTP and
//! over gRPC and is called back: one trace, and the same baggage both ways.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod probe;
mod python;
#[path = "../../../../crates/radiosonde-http/tests/raw/mod.rs"]
mod raw;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

/// Longer than anything here takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_and_the_same_baggage_both_ways_over_http_and_grpc() {
    let Some(python) = python::command() else { return };
    let directory = tempfile::tempdir().unwrap();
    let telemetry = radiosonde::init!(
        service = "worker",
        dir = directory.path(),
        profile = radiosonde::Profile::Cli
    );
    let server = server::Server::start().await;
    let baggage = json!({
        "job_id": "job-77",
        "session_id": "s-1",
        "tenant": "Käse,Brot&\"Wein\";100%",
        "empty": "",
        "motto": "two words",
    });
    let (http, grpc) = (server.http.to_string(), server.grpc.to_string());
    let told = python::run(python, &[&http, &grpc, &baggage.to_string()]).await;
    drop(server);
    let report = telemetry.shutdown(PATIENCE);
    assert_eq!(report.spans.pending, 0, "{report}");
    let ours = lines(directory.path(), "spans-");
    judge(&told, &ours, &baggage);
    let events = lines(directory.path(), "events-");
    let worked: Vec<&Value> = events.iter().filter(|line| line["msg"] == "working").collect();
    assert_eq!(worked.len(), 2, "{events:?}");
    for event in worked {
        assert_eq!(event["trace_id"], told["spans"][0]["trace_id"], "{event}");
        assert_eq!((&event["job_id"], &event["session_id"]), (&json!("job-77"), &json!("s-1")));
    }
}

fn judge(told: &Value, ours: &[Value], baggage: &Value) {
    for transport in ["http", "grpc"] {
        // What our handler saw, and what came back with our call. Python writes a blank as `+`, which
        // the recommendation does not know: to us it is a plus, which goes back as it came.
        let mut seen = baggage.clone();
        seen["motto"] = json!("two+words");
        assert_eq!(told["answers"][transport]["baggage"], seen, "to us over {transport}");
        let answer = &told["answers"][transport]["called_back"];
        assert_eq!(answer, "called back", "over {transport}");
        let back = &told["called_back"][transport];
        assert_eq!(&back["baggage"], baggage, "from us over {transport}: {back}");
    }
    let theirs = told["spans"].as_array().unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let traces: BTreeSet<_> =
        theirs.iter().chain(ours).map(|span| text(&span["trace_id"]).unwrap()).collect();
    assert_eq!(traces.len(), 1, "one trace: {theirs:?} {ours:?}");
    // Every span by its id, with its parent and a name to be known by.
    let mut spans: BTreeMap<String, (String, Option<String>)> = BTreeMap::new();
    for span in theirs {
        let (id, name) = (text(&span["span_id"]).unwrap(), text(&span["name"]).unwrap());
        spans.insert(id, (name, text(&span["parent_span_id"])));
    }
    for span in ours {
        let kind = text(&span["meta"]["kind"]).unwrap();
        let name = format!("our {kind}: {}", text(&span["msg"]).unwrap());
        spans
            .insert(text(&span["span_id"]).unwrap(), (name, text(&span["meta"]["parent_span_id"])));
    }
    let path = |id: &str| {
        let (mut names, mut next) = (Vec::new(), Some(id.to_owned()));
        while let Some((name, parent)) = next.as_deref().and_then(|id| spans.get(id)) {
            names.push(name.as_str());
            next = parent.clone();
        }
        names.reverse();
        names.join(" > ")
    };
    let paths: BTreeSet<String> = spans
        .iter()
        .filter(|(_, (name, _))| name.ends_with(" callback"))
        .map(|(id, _)| path(id))
        .collect();
    let expected = [
        "root > grpc call > our server: test.Probe/Work > our client: test.Probe/CallBack > grpc callback",
        "root > http call > our server: GET /tasks/{id} > our client: GET > http callback",
    ];
    assert_eq!(paths, BTreeSet::from(expected.map(str::to_owned)));
}

fn lines(directory: &Path, prefix: &str) -> Vec<Value> {
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let named =
        paths.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(prefix));
    let texts: Vec<String> = named.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}
