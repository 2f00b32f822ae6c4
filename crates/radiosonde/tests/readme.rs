//! The registry the README shows is one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use radiosonde::RegistrySource;

#[test]
fn the_smallest_registry_of_the_readme_has_no_mistake() {
    let readme = include_str!("../../../README.md");
    let block = readme.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let registry = RegistrySource::from(block.to_owned()).load().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(registry.metrics.len(), 1);
}
