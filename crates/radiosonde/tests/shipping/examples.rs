//! What the example configurations say, taken out of them by their own syntax.

use yaml_rust2::{Yaml, YamlLoader};

use crate::blocks::{self, Value};

pub(crate) const OTEL: &str = include_str!("../../../../docs/shipping/otel-collector-filelog.yaml");
pub(crate) const PROMTAIL: &str = include_str!("../../../../docs/shipping/promtail.yaml");
pub(crate) const ALLOY: &str = include_str!("../../../../docs/shipping/alloy.config");
pub(crate) const RSYSLOG: &str = include_str!("../../../../docs/shipping/rsyslog.conf");

/// What an example does with our files and lines.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) name: &'static str,
    /// Patterns of the files it reads.
    pub(crate) paths: Vec<String>,
    /// Keys of a line that it reads.
    pub(crate) fields: Vec<String>,
    /// The form it expects of `ts`: a layout of its own, `RFC3339Nano`, or none.
    pub(crate) time: Option<String>,
    /// What is indexed: each set of values is a stream of its own.
    pub(crate) labels: Vec<String>,
}

pub(crate) fn all() -> [Example; 4] {
    [otel(), promtail(), alloy(), rsyslog()]
}

pub(crate) fn yaml(text: &str) -> Yaml {
    let mut documents = YamlLoader::load_from_str(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

fn text(yaml: &Yaml) -> String {
    yaml.as_str().unwrap_or_else(|| panic!("no text: {yaml:?}")).to_owned()
}

fn keys(yaml: &Yaml) -> Vec<String> {
    yaml.as_hash().unwrap_or_else(|| panic!("no mapping: {yaml:?}")).keys().map(text).collect()
}

fn items(yaml: &Yaml) -> impl Iterator<Item = &Yaml> {
    yaml.as_vec().unwrap_or_else(|| panic!("no list: {yaml:?}")).iter()
}

fn otel() -> Example {
    let all = yaml(OTEL);
    let receiver = &all["receivers"]["filelog"];
    assert_eq!(text(&receiver["start_at"]), "beginning");
    assert_eq!(receiver["force_flush_period"].as_i64(), Some(0), "half lines are no lines");
    // What the pipeline and the receiver name is there.
    for [name, part] in [["receivers", "receivers"], ["exporters", "exporters"]] {
        let named = &all["service"]["pipelines"]["logs"][name];
        assert!(items(named).all(|named| !all[part][text(named).as_str()].is_badvalue()));
    }
    assert!(!all["extensions"][text(&receiver["storage"]).as_str()].is_badvalue());
    let parser = &receiver["operators"][0];
    assert_eq!(text(&parser["type"]), "json_parser");
    // Later operators read what earlier ones have written; only the parser writes keys of lines.
    let fields = OTEL.split("attributes.").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        rest[..end.unwrap_or(rest.len())].to_owned()
    });
    let moved = items(&receiver["operators"]).map(|operator| &operator["to"]);
    let moved = moved.filter_map(Yaml::as_str).filter_map(|to| to.strip_prefix("resource["));
    Example {
        name: "otel-collector-filelog.yaml",
        paths: items(&receiver["include"]).map(text).collect(),
        fields: fields.collect(),
        time: Some(text(&parser["timestamp"]["layout"])),
        labels: moved.map(|to| to.trim_matches(['"', ']']).to_owned()).collect(),
    }
}

fn promtail() -> Example {
    let all = yaml(PROMTAIL);
    assert!(PROMTAIL.contains("end of\n# its life on 2026-03-02"));
    let job = &all["scrape_configs"][0];
    for stream in items(&job["static_configs"]) {
        assert_eq!(text(&stream["labels"]["job"]), "shop-telemetry");
        assert_eq!(text(&stream["labels"]["env"]), "local");
    }
    let stage = |name: &str| {
        let mut stages = items(&job["pipeline_stages"]).map(|stage| &stage[name]);
        stages.find(|stage| !stage.is_badvalue()).unwrap_or_else(|| panic!("no stage {name}"))
    };
    let expressions = stage("json")["expressions"].clone();
    let used = [keys(stage("labels")), keys(stage("structured_metadata"))].concat();
    assert!(used.iter().all(|key| !expressions[key.as_str()].is_badvalue()), "{used:?}");
    assert_eq!(text(&stage("timestamp")["source"]), "ts");
    let fields = keys(&expressions).iter().map(|key| text(&expressions[key.as_str()])).collect();
    let paths = items(&job["static_configs"]).map(|stream| text(&stream["labels"]["__path__"]));
    Example {
        name: "promtail.yaml",
        paths: paths.collect(),
        fields,
        time: Some(text(&stage("timestamp")["format"])),
        labels: keys(stage("labels")),
    }
}

fn alloy() -> Example {
    let all = blocks::parse(ALLOY);
    let block = |name: &str| {
        let found = all.iter().find(|block| block.name == name);
        found.unwrap_or_else(|| panic!("no block {name}"))
    };
    let (files, source) = (block("local.file_match"), block("loki.source.file"));
    let process = block("loki.process");
    // Each component hands on to one that is there.
    for (from, key, to) in [
        (source, "targets", "local.file_match.radiosonde.targets"),
        (source, "forward_to", "loki.process.radiosonde.receiver"),
        (process, "forward_to", "loki.write.loki.receiver"),
    ] {
        let named = from.value(key).names();
        assert_eq!(named, [to]);
        let (component, label) = to.rsplit_once('.').unwrap().0.rsplit_once('.').unwrap();
        assert_eq!(block(component).label.as_deref(), Some(label));
    }
    assert_eq!(source.value("tail_from_end"), &Value::Name("false".to_owned()));
    let streams = files.value("path_targets").items();
    for stream in streams {
        assert_eq!(stream.entry("job").text(), "shop-telemetry");
        assert_eq!(stream.entry("env").text(), "local");
    }
    let expressions = process.block("stage.json").value("expressions");
    for stage in ["stage.labels", "stage.structured_metadata"] {
        for (name, from) in process.block(stage).value("values").entries() {
            assert_eq!(
                (name.as_str(), expressions.entry(from.text()).text()),
                (from.text(), from.text())
            );
        }
    }
    let labels = process.block("stage.labels").value("values").entries();
    assert_eq!(process.block("stage.timestamp").value("source").text(), "ts");
    Example {
        name: "alloy.config",
        paths: streams.iter().map(|stream| stream.entry("__path__").text().to_owned()).collect(),
        fields: expressions.entries().iter().map(|(_, from)| from.text().to_owned()).collect(),
        time: Some(process.block("stage.timestamp").value("format").text().to_owned()),
        labels: labels.iter().map(|(name, _)| name.clone()).collect(),
    }
}

/// Its syntax is checked by the program itself, which runs it.
fn rsyslog() -> Example {
    let quoted = |before: &str| -> Vec<String> {
        let found = RSYSLOG.split(before).skip(1);
        found.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    };
    let fields = RSYSLOG.split("$!").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        rest[..end.unwrap_or(rest.len())].to_owned()
    });
    Example {
        name: "rsyslog.conf",
        paths: quoted("input(type=\"imfile\" file=\""),
        fields: fields.collect(),
        time: None,
        labels: Vec::new(),
    }
}
