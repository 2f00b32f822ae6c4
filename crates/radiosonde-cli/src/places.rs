//! What `--dir` names: directories, files, patterns over both, and standard input.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, glob_with};

use crate::outcome::{Stop, quoted, show};

/// How standard input is named.
pub(crate) const STDIN: &str = "-";

/// Everything named that is there, each once; for whoever waits for it, what is not there as well.
pub(crate) fn all(named: &[PathBuf], waits: bool) -> Result<Vec<PathBuf>, Stop> {
    let mut places = Places::default();
    for path in named {
        if path == Path::new(STDIN) {
            places.add(path.clone());
        } else {
            places.expand(path, &mut |path| match path.try_exists() {
                Ok(false) if !waits => Err(missing(&path)),
                // What cannot be looked at is told when it is read.
                _ => Ok(Some(path)),
            })?;
        }
    }
    Ok(places.found)
}

/// Those named without `--dir`, which must be there: what is not may be an id.
pub(crate) fn alone(named: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
    let is_place = |path: &Path| {
        path == Path::new(STDIN) || pattern(path).is_some() || path.symlink_metadata().is_ok()
    };
    match named.iter().find(|path| !is_place(path)) {
        None => Ok(named.to_vec()),
        Some(other) => Err(Stop::Usage(format!(
            "{} is no directory or file: an id goes behind --job, --trace and the like, and words \
             behind --where 'msg~=…'",
            show(other)
        ))),
    }
}

/// What to write for a word that stands where no directory or file is meant, and is one:
/// `data is a directory: --dir data`.
pub(crate) fn meant(word: &str) -> Option<String> {
    let found = std::fs::metadata(word).ok()?;
    let what = if found.is_dir() { "a directory" } else { "a file" };
    let word = show(Path::new(word));
    Some(format!("{word} is {what}: --dir {}", quoted(&word)))
}

/// Whether something is called so, or fits it as a pattern of shells.
pub(crate) fn is_there(path: &Path) -> bool {
    let fits =
        |pattern| glob_with(pattern, AS_SHELLS_DO).is_ok_and(|mut found| found.next().is_some());
    // `KEY?` and `KEY~=[ab]` are conditions.
    let is_pattern = |pattern: &&str| pattern.contains('/') && pattern.contains('*');
    path.symlink_metadata().is_ok() || pattern(path).filter(is_pattern).is_some_and(fits)
}

/// The directories named, each once. A pattern means the directories it fits.
pub(crate) fn directories(named: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
    let mut places = Places::default();
    for path in named {
        let is_pattern = pattern(path).is_some();
        places.expand(path, &mut |path| match is_pattern && !path.is_dir() {
            true => Ok(None),
            false => existing(path).map(Some),
        })?;
    }
    Ok(places.found)
}

/// Whether what it names is where it was when it has been read: standard input and pipes are not.
pub(crate) fn can_be_read_again(place: &Path) -> bool {
    place.is_dir() || place.is_file()
}

/// Refuses what can be read once, where that is not enough: a second reading of a pipe finds nothing, or
/// waits for ever. `why` says what reads more than once, as `trace` does.
pub(crate) fn refuse_pipes(places: &[PathBuf], why: &str) -> Result<(), Stop> {
    let is_pipe = |place: &&PathBuf| {
        place.as_path() == Path::new(STDIN) || place.exists() && !can_be_read_again(place)
    };
    let Some(pipe) = places.iter().find(is_pipe) else { return Ok(()) };
    let pipe = match pipe == Path::new(STDIN) {
        true => "standard input".to_owned(),
        false => show(pipe),
    };
    Err(Stop::Usage(format!(
        "{why}, and {pipe} can be read once: keep it in a file, and name that with --dir"
    )))
}

/// A directory, which must be there.
pub(crate) fn existing(dir: PathBuf) -> Result<PathBuf, Stop> {
    if dir.is_dir() {
        Ok(dir)
    } else if dir.exists() {
        let what = "is not a directory: name a telemetry directory";
        Err(Stop::Usage(format!("{} {what}", show(&dir))))
    } else {
        Err(missing(&dir))
    }
}

fn missing(path: &Path) -> Stop {
    Stop::Usage(format!("{} does not exist: name a telemetry directory", show(path)))
}

/// What was found so far.
#[derive(Default)]
struct Places {
    found: Vec<PathBuf>,
    /// Where they lead.
    real: HashSet<PathBuf>,
}

impl Places {
    fn add(&mut self, path: PathBuf) {
        let real = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        if self.real.insert(real) {
            self.found.push(path);
        }
    }

    /// Adds what `check` lets pass: the path, or what it fits as a pattern, at least one.
    fn expand(
        &mut self,
        path: &Path,
        check: &mut dyn FnMut(PathBuf) -> Result<Option<PathBuf>, Stop>,
    ) -> Result<(), Stop> {
        let Some(pattern) = pattern(path) else {
            if let Some(path) = check(path.to_owned())? {
                self.add(path);
            }
            return Ok(());
        };
        let shown = show(path);
        let fitting = glob_with(pattern, AS_SHELLS_DO)
            .map_err(|error| Stop::Usage(format!("{shown} is no pattern: {}", error.msg)))?;
        let mut is_any = false;
        for fitting in fitting {
            // A directory that cannot be gone through is named where it is read, which fails.
            let path = fitting.unwrap_or_else(|error| error.path().to_owned());
            if let Some(path) = check(path)? {
                is_any = true;
                self.add(path);
            }
        }
        if is_any { Ok(()) } else { Err(Stop::Usage(format!("nothing fits {shown}"))) }
    }
}

/// Whether it means what it fits.
pub(crate) fn is_pattern(path: &Path) -> bool {
    pattern(path).is_some()
}

/// The text of a path that is a pattern: nothing is called so, and it has signs of one.
fn pattern(path: &Path) -> Option<&str> {
    let text = path.to_str().filter(|text| text.contains(['*', '?', '[']))?;
    path.symlink_metadata().is_err().then_some(text)
}

const AS_SHELLS_DO: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};
