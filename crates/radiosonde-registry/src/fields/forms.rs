//! Values that may be written in more than one form.

use std::collections::BTreeMap;

use super::{Fields, mistyped};
use crate::{
    locate::Path,
    model::LabelMatch,
    report::Report,
    tree::{Kind, Node},
};

impl<'d> Fields<'_, 'd> {
    /// Objects in an array, any of which may be written as a text for short.
    pub(crate) fn objects_or_texts<T>(
        &mut self,
        key: &'static str,
        short: impl Fn(String) -> T,
        read: impl Fn(Fields<'_, 'd>) -> T,
    ) -> Vec<T> {
        self.each(key, |report, path, node| {
            Some(match &node.kind {
                Kind::String(written) => short(written.clone()),
                Kind::Object(_) => read(Fields::of(report, path, node)),
                _ => return mistyped(report, &path, node, "a name or an object"),
            })
        })
        .unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Words out of a fixed list, in an array.
    pub(crate) fn words<T: Copy>(
        &mut self,
        key: &'static str,
        what: &str,
        words: &[(&'static str, T)],
    ) -> Vec<T> {
        self.each(key, |report, path, node| {
            let Kind::String(written) = &node.kind else {
                return mistyped(report, &path, node, "a string");
            };
            let found = words.iter().find(|(word, _)| word == written);
            if found.is_none() {
                let (what, fix) = super::unknown_word(what, written, words);
                report.unreadable(node.start, &path, what, fix);
            }
            found.map(|(_, value)| *value)
        })
        .unwrap_or_default()
    }

    /// Label values by label: `"a"`, `["a", "b"]`, or either of them under `not`.
    pub(crate) fn matchers(&mut self, key: &'static str) -> BTreeMap<String, LabelMatch> {
        let Some(member) = self.find(key) else { return BTreeMap::new() };
        let path = self.path.then(key);
        let members = Fields::of(self.report, path.clone(), &member.value).members;
        members
            .iter()
            .filter_map(|member| {
                let path = path.then(member.key.as_str());
                let read = matcher(self.report, &path, &member.value)?;
                Some((member.key.clone(), read))
            })
            .collect()
    }
}

fn matcher<'d>(report: &mut Report<'d>, path: &Path, node: &'d Node) -> Option<LabelMatch> {
    if !matches!(node.kind, Kind::Object(_)) {
        return values(report, path, node).map(LabelMatch::In);
    }
    let mut fields = Fields::of(report, path.clone(), node);
    let excluded = fields.find("not").map(|member| &member.value);
    // Beside a key that is misspelt it is not missing.
    if fields.is_empty() {
        let example = "`\"not\": \"…\"`, or write the value itself";
        let _missing = fields.demand("not", excluded, example);
    }
    fields.finish();
    values(report, &path.then("not"), excluded?).map(LabelMatch::NotIn)
}

fn values(report: &mut Report<'_>, path: &Path, node: &Node) -> Option<Vec<String>> {
    match &node.kind {
        Kind::String(value) => Some(vec![value.clone()]),
        Kind::Array(items) => {
            let mut read = Vec::new();
            for (index, item) in items.iter().enumerate() {
                match &item.kind {
                    Kind::String(value) => read.push(value.clone()),
                    _ => mistyped(report, &path.then(index), item, "a string")?,
                }
            }
            Some(read)
        }
        _ => mistyped(report, path, node, "a string or an array of strings"),
    }
}
