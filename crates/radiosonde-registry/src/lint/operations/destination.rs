//! Where messages and reports go: whether the address is one.

use crate::{
    locate::Path,
    model::{Destination, DestinationKind},
    report::Report,
};

pub(super) fn all(destinations: &[Destination], path: &Path, report: &mut Report<'_>) {
    for (index, destination) in destinations.iter().enumerate() {
        let path = path.then(index).then("to");
        let to = destination.to.trim();
        let (what, fix) = match destination.kind {
            _ if to.is_empty() => {
                ("the destination is empty".to_owned(), "write the channel, address or folder")
            }
            DestinationKind::Discord | DestinationKind::Webhook if !is_variable(to) => (
                // Not repeated: messages end up in logs.
                "the address, a secret, stands in the file".to_owned(),
                "put it into an environment variable and name that here, such as `CHAT_URL`",
            ),
            DestinationKind::Slack if !to.starts_with(['#', '@']) => {
                (format!("`{to}` is not a Slack channel"), "write it as `#channel` or `@person`")
            }
            DestinationKind::Email if !is_address(to) => {
                (format!("`{to}` is not a mail address"), "write it as `team@example.org`")
            }
            DestinationKind::File if to.split(['/', '\\']).any(|part| part == "..") => {
                (format!("`{to}` leads out of its folder"), "write a path without `..`")
            }
            _ => continue,
        };
        report.wrong(&path, what, fix);
    }
}

fn is_variable(text: &str) -> bool {
    text.bytes().next().is_some_and(|first| first.is_ascii_uppercase() || first == b'_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_address(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(person, host)| !person.is_empty() && !host.is_empty())
        && !text.contains(char::is_whitespace)
}
