//! What is wrong with the settings, or comes up while metrics are written; and who is told.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, RwLock};

use crate::catalogue::Problems;
use crate::sync::{lock, read, write};

/// Catalogues that are named; nobody has more, and module paths could be made up at run time.
const UNCHECKED_MAX: usize = 16;

type Callback = Arc<dyn Fn(&str, &str) + Send + Sync>;

#[derive(Default)]
pub(crate) struct Told {
    problems: Mutex<Problems>,
    callback: RwLock<Option<Callback>>,
    /// Catalogues whose metrics are recorded unchecked.
    unchecked: RwLock<Vec<Box<str>>>,
}

impl Told {
    /// Adds a problem unless it is there, and tells about it. No lock is held during the call.
    pub(crate) fn add(&self, what: &str, fix: &str) {
        if !lock(&self.problems).add_once(what, fix) {
            return;
        }
        if let Some(callback) = read(&self.callback).clone() {
            tell(&*callback, what, fix);
        }
    }

    /// Sets who is told, from the first problem on.
    pub(crate) fn set(&self, callback: &Callback) {
        *write(&self.callback) = Some(Arc::clone(callback));
        for (what, fix) in self.list() {
            tell(&**callback, &what, &fix);
        }
    }

    pub(crate) fn list(&self) -> Vec<(String, String)> {
        lock(&self.problems).list()
    }

    pub(crate) fn warnings(&self) -> Vec<(String, String)> {
        lock(&self.problems).warnings()
    }

    /// Something is written through a catalogue, and no registry checks it: told once for each.
    pub(crate) fn note_unchecked(&self, module: &str) {
        let is_known = |known: &[Box<str>]| {
            known.len() >= UNCHECKED_MAX || known.iter().any(|known| **known == *module)
        };
        if is_known(&read(&self.unchecked)) {
            return;
        }
        {
            let mut known = write(&self.unchecked);
            if is_known(&known) {
                return;
            }
            known.push(module.into());
        }
        self.add(
            &format!("metrics of `{module}` are not checked: there is no registry"),
            &format!("pass `{module}::REGISTRY` to init!"),
        );
    }
}

fn tell(callback: &dyn Fn(&str, &str), what: &str, fix: &str) {
    // Someone else's code, perhaps on an application thread: its panic must end here.
    let _ = catch_unwind(AssertUnwindSafe(|| callback(what, fix)));
}

impl From<Problems> for Told {
    fn from(problems: Problems) -> Self {
        Self { problems: Mutex::new(problems), ..Self::default() }
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}
