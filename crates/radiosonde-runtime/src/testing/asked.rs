//! What is asked of a record, and what is said when none is like it.

use std::fmt::{self, Write as _};
use std::ops::Deref;

use radiosonde_record::{Level, Value};

use super::entry::{Event, Recorded, told};
use super::look::{Look, Tree};
use super::pipeline::Captured;
use crate::words::counted;

/// Records that a message shows.
const SHOWN_MAX: usize = 20;

/// One thing that is asked.
pub(super) struct Condition {
    /// `with type = "click"`
    pub(super) what: String,
    pub(super) holds: Box<dyn Fn(&Recorded) -> bool>,
    /// How it is where it does not hold: `type is "scroll"`.
    pub(super) instead: Box<dyn Fn(&Recorded) -> String>,
}

/// Records, and everything that was asked of one of them so far.
pub(super) struct Asked<T> {
    /// `event`, `log line`, `span`
    noun: &'static str,
    all: Vec<T>,
    conditions: Vec<Condition>,
    tree: Tree,
    lost: Vec<String>,
    /// What this capture leaves out.
    scope: String,
}

impl<T: Deref<Target = Recorded> + Clone> Asked<T> {
    pub(super) fn new(noun: &'static str, all: Vec<T>, look: &Look, of: &Captured) -> Self {
        let (tree, lost) = (look.tree.clone(), look.lost.clone());
        Self { noun, all, conditions: Vec::new(), tree, lost, scope: of.scope() }
    }

    /// Asks one thing more.
    #[track_caller]
    pub(super) fn require(&mut self, condition: Condition) {
        self.conditions.push(condition);
        if self.meant().next().is_none() {
            panic!("{}", self.told(&format!("no {}", self.noun)));
        }
    }

    #[track_caller]
    pub(super) fn require_count(&self, count: usize) {
        let found = self.meant().count();
        if found != count {
            let plural = if found == 1 { "" } else { "s" };
            panic!("{}", self.told(&format!("{found} {}{plural}, not {count},", self.noun)));
        }
    }

    /// Inside of a span: the one around it, or one further out.
    #[track_caller]
    pub(super) fn require_inside(&mut self, name: &str) {
        let (tree, of, asked) = (self.tree.clone(), self.tree.clone(), name.to_owned());
        self.require(Condition {
            what: format!("in the span `{name}`"),
            holds: Box::new(move |one| tree.path(around(one)).contains(&asked.as_str())),
            instead: Box::new(move |one| match &of.path(around(one))[..] {
                [] if around(one).is_some() => "is in a span that was not captured".to_owned(),
                [] => "is in no span".to_owned(),
                names => {
                    let outermost_first: Vec<_> = names.iter().rev().copied().collect();
                    format!("is in {}", outermost_first.join(" > "))
                }
            }),
        });
    }

    #[track_caller]
    pub(super) fn require_child_of(&mut self, name: &str) {
        let (tree, of, asked) = (self.tree.clone(), self.tree.clone(), name.to_owned());
        self.require(Condition {
            what: format!("as a child of `{name}`"),
            holds: Box::new(move |span| tree.path(span.parent()).first() == Some(&asked.as_str())),
            instead: Box::new(move |span| parentage(&of, span)),
        });
    }

    #[track_caller]
    pub(super) fn require_root(&mut self) {
        let tree = self.tree.clone();
        self.require(Condition {
            what: "as a root".to_owned(),
            holds: Box::new(|span| span.parent().is_none()),
            instead: Box::new(move |span| parentage(&tree, span)),
        });
    }

    pub(super) fn first(self) -> T {
        let first = self.meant().next().cloned();
        first.expect("what was asked was found, or the assertion has failed")
    }

    fn meant(&self) -> impl Iterator<Item = &T> {
        self.all.iter().filter(|one| self.conditions.iter().all(|asked| (asked.holds)(one)))
    }

    /// Says besides what is not here, if something is.
    pub(super) fn hint(&mut self, hint: Option<String>) {
        self.scope.extend(hint.map(|hint| format!("\n{hint}")));
    }

    /// What was asked, and what there is, the closest first.
    fn told(&self, begin: &str) -> String {
        let asked: Vec<_> = self.conditions.iter().map(|asked| asked.what.as_str()).collect();
        let mut text = format!("{begin} {}", asked.join(", "));
        let mut all: Vec<(usize, &T)> =
            self.all.iter().map(|one| (self.missing(one), one)).collect();
        // Stable: of equals the first that came.
        all.sort_by_key(|(missing, _)| *missing);
        let count = counted(all.len() as u64, self.noun);
        // Writing to a string does not fail.
        let _ = match all.len() {
            0 => write!(
                text,
                "\nnone was captured; what threads and tasks of plain spawns say is not: `t.inside` and \
                 `t.wrap` bring them in"
            ),
            1 => write!(text, "\n{count} was captured:"),
            _ => write!(text, "\n{count} were captured, the closest first:"),
        };
        for (missing, one) in all.iter().take(SHOWN_MAX) {
            let _ = write!(text, "\n  {}", one.shown().trim_end().replace('\n', "\n  "));
            if *missing > 0 {
                for asked in self.conditions.iter().filter(|asked| !(asked.holds)(one)) {
                    let _ = write!(text, "\n      {}", (asked.instead)(one));
                }
            }
        }
        if all.len() > SHOWN_MAX {
            let _ = write!(text, "\n  and {} more", all.len() - SHOWN_MAX);
        }
        let _ = write!(text, "\n{}", self.scope);
        add_lost(&mut text, &self.lost);
        text
    }

    fn missing(&self, one: &T) -> usize {
        // A record of another name is further away than one where all else differs.
        let weight = |place: usize| if place == 0 { self.conditions.len() } else { 1 };
        let asked = self.conditions.iter().enumerate();
        asked.filter(|(_, asked)| !(asked.holds)(one)).map(|(place, _)| weight(place)).sum()
    }
}

impl<T> fmt::Debug for Asked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.noun)?;
        self.conditions.iter().try_for_each(|asked| write!(f, " {}", asked.what))
    }
}

/// The span around a record: for a span its parent.
fn around(one: &Recorded) -> Option<&str> {
    if one.is_span() { one.parent() } else { one.span_id() }
}

fn parentage(tree: &Tree, span: &Recorded) -> String {
    match tree.path(span.parent()).first() {
        Some(name) => format!("is a child of `{name}`"),
        None if span.parent().is_some() => "has a parent that was not captured".to_owned(),
        None => "is a root".to_owned(),
    }
}

pub(super) fn named(name: &str) -> Condition {
    let asked = name.to_owned();
    Condition {
        what: format!("`{name}`"),
        holds: Box::new(move |one| one.name() == asked),
        instead: Box::new(|one| format!("is called `{}`", one.name())),
    }
}

pub(super) fn saying(part: &str) -> Condition {
    let asked = part.to_owned();
    Condition {
        what: format!("saying {part:?}"),
        holds: Box::new(move |one| one.message().contains(&asked)),
        instead: Box::new(|one| format!("says {:?}", one.message())),
    }
}

pub(super) fn at_level(level: Level) -> Condition {
    Condition {
        what: format!("of level {level}"),
        holds: Box::new(move |one| one.level() == level),
        instead: Box::new(|one| format!("is of level {}", one.level())),
    }
}

pub(super) fn with(key: &str, value: &Value<'_>) -> Condition {
    let what = format!("with {key} = {}", told(value));
    let (of, there, value) = (key.to_owned(), key.to_owned(), Owned::new(value));
    Condition {
        what,
        holds: Box::new(move |one| one.is(&of, &value.value())),
        instead: Box::new(move |one| match one.told(&there) {
            Some(value) => format!("{there} is {value}"),
            None => format!("has no {there}"),
        }),
    }
}

/// A value that is kept.
enum Owned {
    Bool(bool),
    F64(f64),
    I64(i64),
    Null,
    Text(String),
    U64(u64),
}

impl Owned {
    fn new(value: &Value<'_>) -> Self {
        match *value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::I64(value) => Self::I64(value),
            Value::U64(value) => Self::U64(value),
            Value::F64(value) => Self::F64(value),
            Value::Str(text) => Self::Text(text.to_owned()),
            ref other => Self::Text(format!("{other:?}")),
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::I64(value) => Value::I64(*value),
            Self::U64(value) => Value::U64(*value),
            Self::F64(value) => Value::F64(*value),
            Self::Text(text) => Value::Str(text),
        }
    }
}

/// Nothing of that kind is here, and nothing is missing that could be.
#[track_caller]
pub(super) fn none<'l>(what: &str, found: impl Iterator<Item = &'l Event>, look: &Look) {
    let found: Vec<_> = found.collect();
    if let Some((first, _)) = found.split_first() {
        let mut text = format!("{what} was captured, and none should be:");
        for one in found.iter().take(SHOWN_MAX) {
            let _ = write!(text, "\n  {}", one.shown().trim_end().replace('\n', "\n  "));
        }
        if found.len() > SHOWN_MAX {
            let _ = write!(text, "\n  and {} more", found.len() - SHOWN_MAX);
        }
        let _ = write!(text, "\nthe first: {}", first.json());
        add_lost(&mut text, &look.lost);
        panic!("{text}");
    }
    if !look.lost.is_empty() {
        let mut text = format!("whether {what} was recorded cannot be said");
        add_lost(&mut text, &look.lost);
        panic!("{text}");
    }
}

fn add_lost(text: &mut String, lost: &[String]) {
    for lost in lost {
        let _ = write!(text, "\nnot here: {lost}");
    }
}
