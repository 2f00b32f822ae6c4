//! The other spools of a telemetry directory, as far as they take room.

use std::path::Path;

use crate::files::Files;

/// Most names that are looked at on each level.
const NAMES_MAX: usize = 1024;
/// Most files that are looked at in all.
const FILES_MAX: usize = 16 * 1024;

/// Bytes below `inst/*/spool/*` of a root, without the spool at `own`. What cannot be read counts as
/// nothing.
pub(crate) fn usage(files: &dyn Files, root: &Path, own: &Path) -> u64 {
    let list = |path: &Path| files.list(path, NAMES_MAX).unwrap_or_default();
    let (mut bytes, mut looked_at) = (0_u64, 0);
    let slots = root.join("inst");
    for slot in list(&slots) {
        let spools = slots.join(slot).join("spool");
        for spool in list(&spools) {
            let spool = spools.join(spool);
            if spool == own {
                continue;
            }
            for entry in list(&spool) {
                let entry = spool.join(entry);
                // A folder of segments, or a file.
                let names = list(&entry);
                let paths = names.iter().map(|name| entry.join(name));
                for path in paths.chain(std::iter::once(entry.clone())) {
                    looked_at += 1;
                    if looked_at > FILES_MAX {
                        return bytes;
                    }
                    bytes = bytes.saturating_add(files.usage(&path).unwrap_or(0));
                }
            }
        }
    }
    bytes
}
