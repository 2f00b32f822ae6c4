//! `machine_id`: which machine this is, without giving away more than needed.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use hmac_sha256::Hash;
use radiosonde_context::CorrelationId;

use crate::config::Config;
use crate::problem::Problems;

/// The variable, then the code, then the host name of a pod or container, then a hash of
/// `/etc/machine-id`, then the host name.
pub(crate) fn resolve(
    variable: Option<String>,
    config: &Config,
    problems: &Problems,
) -> Option<String> {
    let checked = |origin: &str, id: &str| {
        if CorrelationId::parse(id).is_err() {
            problems.say(
                format!("{origin}: `{}` is no machine id", id.escape_default()),
                "use 1 to 128 characters of A-Z a-z 0-9 . _ : -",
            );
        }
        CorrelationId::sanitize(id).map(|id| id.as_str().to_owned())
    };
    if let Some(id) = variable {
        return checked("RADIOSONDE_MACHINE_ID", &id);
    }
    if let Some(id) = &config.machine_id {
        return checked("machine_id", id);
    }
    let found = if is_container() { host_name() } else { hashed_machine_id().or_else(host_name) };
    found.and_then(|id| CorrelationId::sanitize(&id)).map(|id| id.as_str().to_owned())
}

/// Pods share the machine id of their image or node; their host name is their own.
fn is_container() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
        || Path::new("/.dockerenv").exists()
        || Path::new("/run/.containerenv").exists()
}

fn host_name() -> Option<String> {
    let from_kernel = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    from_kernel.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// machine-id(5) asks not to publish the id itself but a keyed hash of it.
fn hashed_machine_id() -> Option<String> {
    let id = fs::read_to_string("/etc/machine-id").ok()?;
    let id = id.trim();
    if id.len() < 32 {
        return None;
    }
    let digest = Hash::hash(format!("radiosonde.machine_id:{id}").as_bytes());
    let mut text = String::with_capacity(16);
    for byte in &digest[..8] {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}
