//! The files of a query one by one, for whoever reads them in another way than as lines.

use std::io;
use std::path::Path;

use crate::names::StoredFile;
use crate::query::{Query, Reading};

/// A file, as [`Query::each_file_once`] comes to it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EachFile<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// Its directory.
    pub dir: &'a Path,
    /// Its name, where that is one of a day file.
    pub file: Option<StoredFile>,
}

/// How going through a file ended; an error says how far it came, in bytes, and why not further.
pub type FileOutcome = Result<(), (u64, io::Error)>;

impl Query {
    /// Hands each file of [`Query::dirs`] and [`Query::signals`] to `each`, so that every line comes
    /// once: what is there in two forms is compared, and what is sealed or taken back meanwhile is
    /// handed on as what it is then. What else the query asks is not looked at. What fails stands in
    /// [`Reading::unreadable`].
    ///
    /// Where `each` came nowhere since the file is not there ([`io::ErrorKind::NotFound`]), the file is
    /// looked for where it may be now.
    pub fn each_file_once(&self, each: &mut dyn FnMut(EachFile<'_>) -> FileOutcome) -> Reading {
        let mut reading = Reading::default();
        let _ = self.each_file(&mut reading, &mut |source, _, _| {
            each(EachFile { path: &source.path(), dir: &source.dir, file: source.file() })
        });
        reading
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::sealed::{SealOptions, seal};

    fn line(seq: u32) -> String {
        format!("{{\"ts\":\"2025-10-06T13:43:10Z\",\"id\":\"aaaaaaaa.1.{seq}\"}}\n")
    }

    #[test]
    fn what_is_sealed_meanwhile_is_handed_on_sealed() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let sealed = |from: &str, to: &str| {
            let _sealed =
                seal(&path(from), &path(to), &SealOptions::default(), &mut || true).unwrap();
        };
        let write = |name: &str, seq| fs::write(path(name), line(seq)).unwrap();
        // The third was sealed before under its name and begun anew; the fourth is in both forms.
        for (name, seq) in [("1", 1), ("2", 2), ("3", 3), ("4", 4)] {
            write(&format!("events-2025-10-06.{name}.jsonl"), seq);
        }
        sealed("events-2025-10-06.3.jsonl", "events-2025-10-06.3.jsonl.zst");
        sealed("events-2025-10-06.4.jsonl", "events-2025-10-06.4.jsonl.zst");
        write("events-2025-10-06.3.jsonl", 5);
        let mut names = Vec::new();
        let query = Query::new(vec![dir.path().to_owned()]);
        let reading = query.each_file_once(&mut |found| {
            if names.is_empty() {
                sealed("events-2025-10-06.2.jsonl", "events-2025-10-06.2.jsonl.zst");
                sealed("events-2025-10-06.3.jsonl", "events-2025-10-06.3.1.jsonl.zst");
                fs::remove_file(path("events-2025-10-06.2.jsonl")).unwrap();
                fs::remove_file(path("events-2025-10-06.3.jsonl")).unwrap();
            }
            let _ = fs::metadata(found.path).map_err(|error| (0, error))?;
            names.push(found.file.unwrap().file_name());
            Ok(())
        });
        let expected = ["1.jsonl", "2.jsonl.zst", "3.1.jsonl.zst", "3.jsonl.zst", "4.jsonl"];
        names.sort();
        assert_eq!(names, expected.map(|name| format!("events-2025-10-06.{name}")));
        assert!(reading.unreadable.is_empty(), "{reading:?}");
        // What cannot be read is named, and how far it was.
        let reading = query.each_file_once(&mut |_| Err((7, io::Error::other("broken"))));
        assert_eq!(reading.unreadable[0].offset, 7);
    }
}
