//! The JSON Schema: committed as the types give it, at one with the decoder, and of use in an
//! editor.

#[path = "schema/agreement.rs"]
mod agreement;
#[path = "schema/verdicts.rs"]
mod verdicts;

use std::{
    fs,
    path::{Path, PathBuf},
};

use radiosonde_registry::schema::json_schema;
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn schema() -> Value {
    serde_json::from_str(&json_schema()).expect("JSON")
}

#[test]
fn the_committed_file_is_what_the_types_give() {
    let path = folder().join("registry.schema.json");
    let made = json_schema();
    if std::env::var_os("XTASK_BLESS").is_some() {
        fs::write(&path, &made).expect("written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == made,
        "registry.schema.json is not what the types give; write it anew with\n\
         radiosonde ops schema > crates/radiosonde-registry/registry.schema.json\n\
         or XTASK_BLESS=1 cargo test -p radiosonde-registry --test schema"
    );
    assert!(made.ends_with("}\n") && made == json_schema());
}

#[test]
fn it_is_a_schema_of_its_dialect() {
    let schema = schema();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert!(jsonschema::draft7::meta::is_valid(&schema), "not valid against its meta-schema");
    assert!(schema["$id"].as_str().is_some_and(|id| id.ends_with("/registry.schema.json")));
    // What every key and every object explains is what an editor shows.
    each_object(&schema, &mut |place, object| {
        assert_eq!(object["additionalProperties"], false, "{place} takes any key");
        let properties = object["properties"].as_object().expect("keys");
        for (key, property) in properties {
            assert!(property["description"].is_string(), "{place}.{key} is not explained");
        }
    });
    let text = schema.to_string();
    assert!(!text.contains("[`") && !text.contains("crate::"), "a link into the code is left");
    let patterns = text.matches("\"pattern\":\"").count();
    assert_eq!(patterns, text.matches("\"patternErrorMessage\"").count(), "a pattern says nothing");
    assert!(!text.contains("\"null\""), "null is no value in a registry");
}

/// The objects of the schema that hold keys of their own, with their names.
fn each_object(schema: &Value, see: &mut dyn FnMut(&str, &Value)) {
    see("the document", schema);
    for (name, definition) in schema["definitions"].as_object().expect("definitions") {
        if definition["type"] == "object" {
            see(name, definition);
        }
    }
}

/// Files of a folder that end like this, in order; none when there is no such folder.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|found| found == ending)).collect();
    paths.sort();
    paths
}
