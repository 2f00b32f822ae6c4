//! The rules: the standard ones, those of the user, and what the user wants to see.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::stored::{Stored, VERSION};
use crate::user::{COUNT_MAX, Callback, Fault, Judge, Pattern, Verdict, short};
use crate::{spelling, value};

/// Under which a value counts that more has been found in than can be told apart.
pub(crate) const TANGLED: &str = "tangled";

/// Redaction rules: the standard ones for keys and values, plus your own, minus what you want to
/// see.
///
/// Cheap to ask, cheap to clone for what it is used for (once per sink). Stored as
/// `{"version":2,"keys":["tenant_pin"],"allow":["cookie"]}`; the standard rules are not stored, the
/// version stands for them. Of a callback its name and its paths are stored: whoever reads them and
/// has no callback of that name replaces every value it would have seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub struct Rules {
    pub(crate) extra: Vec<Key>,
    pub(crate) allowed: Vec<Key>,
    /// First letters of all rules, see [`spelling::initials`].
    initials: u32,
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) callbacks: Vec<Callback>,
    pub(crate) allowed_values: Vec<String>,
    pub(crate) allowed_patterns: Vec<Pattern>,
    /// There are patterns or callbacks, of which nothing is known beforehand.
    pub(crate) looks_at_everything: bool,
    /// Bytes of all that the user has written, as it is stored.
    written: usize,
    faults: Vec<Fault>,
}

/// Keys, and values that are allowed, of each kind.
const KEYS_MAX: usize = 1024;
/// Bytes of all rules of the user as they are stored: whoever reads them back has a limit as well.
const WRITTEN_MAX: usize = 512 * 1024;
/// Faults that are named.
const FAULTS_MAX: usize = 64;

impl Rules {
    /// The standard rules. By key: authorization, API keys, tokens, passwords, secrets, cookies,
    /// private, access, signing and encryption keys, credentials, card numbers and codes. By value:
    /// see the crate's documentation.
    pub fn standard() -> Self {
        let initials =
            STANDARD.iter().flat_map(|(_, words)| *words).fold(0, |set, word| set | first(word));
        Self {
            extra: Vec::new(),
            allowed: Vec::new(),
            initials,
            patterns: Vec::new(),
            callbacks: Vec::new(),
            allowed_values: Vec::new(),
            allowed_patterns: Vec::new(),
            looks_at_everything: false,
            written: 0,
            faults: Vec::new(),
        }
    }

    /// Redacts this key too; it is matched like the standard ones (see the crate's documentation)
    /// and is itself the name of its rule.
    ///
    /// A key without letters or digits and the 1,025th are left out; these and what seems to be
    /// more than a key become a [`Fault`].
    #[must_use = "returns the extended rules"]
    pub fn with_key(mut self, key: &str) -> Self {
        if let Some(key) = self.key("redacted key", self.extra.len(), key) {
            self.initials |= first(&key.spelt);
            self.extra.push(key);
        }
        self
    }

    /// Keeps the value of exactly this key, case and separators aside, whatever rule would apply:
    /// `cookie` does not stand for `http.request.header.cookie`. Wins over [`Rules::with_key`], and
    /// has the same limits.
    #[must_use = "returns the relaxed rules"]
    pub fn allow_key(mut self, key: &str) -> Self {
        let key = self.key("allowed key", self.allowed.len(), key);
        self.allowed.extend(key);
        self
    }

    /// A key of the user, unless it cannot be one.
    fn key(&mut self, what: &str, count: usize, written: &str) -> Option<Key> {
        if !self.has_room(what, written, (count, KEYS_MAX), &[written]) {
            return None;
        }
        let key = Key::new(written);
        self.fault(key_fault(what, written, key.is_none()));
        key
    }

    /// Replaces whatever this regular expression matches in a value, and counts it as `name`. The
    /// syntax is that of the crate regex-lite (classes such as `\d` are ASCII). It runs on the thread
    /// that writes files; to find one match takes time in proportion to the text.
    ///
    /// A pattern that cannot be used is left out and becomes a [`Fault`]: one that is mistaken, is
    /// longer than 4 KiB or needs more than 128 KiB, and the 65th. One that matches the empty text is
    /// used for what else it matches, and becomes a fault as well.
    #[must_use = "returns the extended rules"]
    pub fn with_pattern(mut self, name: &str, pattern: &str) -> Self {
        let count = (self.patterns.len(), COUNT_MAX);
        if self.has_room("redaction pattern", name, count, &[name, pattern]) {
            let pattern = self.pattern(name, pattern);
            self.patterns.extend(pattern);
        }
        self.looks_at_everything = true;
        self
    }

    /// Asks a function of yours about every value at one of these paths or below; none means all.
    /// It gets the path and the value as text, and says what becomes of it.
    ///
    /// | path | the value |
    /// |---|---|
    /// | `msg` | message of an event |
    /// | `meta.user`, `meta.user.email` | field of an event; member of a JSON value in it |
    /// | `name`, `status_message`, `attributes.http.route` | of a span |
    /// | `labels.region` | label of a metric |
    ///
    /// It runs on the thread that writes files (for labels on the one that writes them, when they
    /// have no series yet), and must not wait for anything. It is asked once for a value, whoever
    /// shows it. When it panics it is not asked again, and every value it would have seen is replaced.
    ///
    /// `name` stands in the counts, and in the file that tells others which rules there were: a
    /// process that does not know a callback of this name replaces all values it would have seen. So
    /// name the paths.
    #[must_use = "returns the extended rules"]
    pub fn with_callback(
        self,
        name: &str,
        paths: &[&str],
        callback: impl Fn(&str, &str) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        self.with(Callback::new(name, paths, Some(Arc::new(Judge::new(callback)))))
    }

    pub(crate) fn with(mut self, callback: Callback) -> Self {
        let count = (self.callbacks.len(), COUNT_MAX);
        let texts = callback.paths.iter().chain([&callback.name]).map(String::as_str);
        let texts: Vec<&str> = texts.collect();
        if self.has_room("redaction callback", &callback.name, count, &texts) {
            self.callbacks.push(callback);
        }
        self.looks_at_everything = true;
        self
    }

    /// Keeps what is exactly this, be it a value or the part of one that a rule for values matches.
    /// Keys that name secrets hide it all the same. The 1,025th is left out and becomes a [`Fault`].
    #[must_use = "returns the relaxed rules"]
    pub fn allow_value(mut self, value: &str) -> Self {
        let count = (self.allowed_values.len(), KEYS_MAX);
        if self.has_room("allowed value", value, count, &[value]) {
            self.allowed_values.push(value.to_owned());
        }
        self
    }

    /// As [`Rules::allow_value`], for what this regular expression matches as a whole; with the
    /// limits of [`Rules::with_pattern`].
    #[must_use = "returns the relaxed rules"]
    pub fn allow_pattern(mut self, pattern: &str) -> Self {
        let count = (self.allowed_patterns.len(), COUNT_MAX);
        if self.has_room("allowed redaction pattern", pattern, count, &[pattern]) {
            let pattern = self.pattern(pattern, pattern);
            self.allowed_patterns.extend(pattern);
        }
        self
    }

    fn pattern(&mut self, name: &str, pattern: &str) -> Option<Pattern> {
        let built = Pattern::new(name, pattern);
        self.fault(match &built {
            Ok(pattern) => pattern.emptiness(),
            Err(fault) => Some(fault.clone()),
        });
        built.ok()
    }

    /// Whether another rule of a kind finds room; its texts are counted then.
    fn has_room(
        &mut self,
        what: &str,
        name: &str,
        (count, most): (usize, usize),
        texts: &[&str],
    ) -> bool {
        let size: usize = texts.iter().map(|text| stored_size(text)).sum();
        let why = if count >= most {
            format!("there are {most} already")
        } else if self.written + size > WRITTEN_MAX {
            format!("all rules have {} KiB together at most", WRITTEN_MAX / 1024)
        } else {
            self.written += size;
            return true;
        };
        self.fault(Some(Fault {
            what: format!("the {what} `{}` is not used: {why}", short(name)),
            fix:
                "make one of several: patterns by `|`, callbacks by calling them in turn, keys by \
                  the word they share"
                    .to_owned(),
            is_left_out: true,
        }));
        false
    }

    fn fault(&mut self, fault: Option<Fault>) {
        let Some(fault) = fault else { return };
        // The last one stands for all that come after it.
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        } else if let Some(last) = self.faults.last_mut() {
            last.what = "redaction rules have more faults than are named".to_owned();
            last.fix = "mend the ones above first".to_owned();
            last.is_left_out |= fault.is_left_out;
        }
    }

    /// The rules that could not be used or do not do what they seem to, and what to do about it; 64
    /// at most.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Takes over the functions of callbacks that are known here by name only.
    #[must_use = "returns the completed rules"]
    pub fn with_callbacks_of(mut self, known: &Self) -> Self {
        self.callbacks.iter_mut().for_each(|callback| callback.learn(&known.callbacks));
        self
    }

    /// The names of callbacks whose function is not known here.
    pub fn missing_callbacks(&self) -> impl Iterator<Item = &str> {
        let missing = self.callbacks.iter().filter(|callback| callback.is_missing());
        missing.map(|callback| callback.name.as_str())
    }

    /// The names of callbacks that have panicked: they are not asked any more, and every value they
    /// would have seen is replaced.
    pub fn panicked_callbacks(&self) -> impl Iterator<Item = &str> {
        let panicked = self.callbacks.iter().filter(|callback| callback.has_panicked());
        panicked.map(|callback| callback.name.as_str())
    }

    /// Whether there are callbacks: then values that are no text have to be looked at as well.
    pub fn has_callbacks(&self) -> bool {
        !self.callbacks.is_empty()
    }

    /// Whether the user wants to see this, whatever rule for values applies.
    pub(crate) fn allows_value(&self, value: &str) -> bool {
        self.allowed_values.iter().any(|allowed| allowed == value)
            || self.allowed_patterns.iter().any(|pattern| pattern.is_whole(value))
    }

    /// The name of the rule that forbids to write the value of this key, such as `password`.
    ///
    /// Allocates for keys beyond ASCII only.
    pub fn rule_for_key(&self, key: &str) -> Option<&str> {
        let key = &*spelling::plain(key);
        let initials = spelling::initials(key);
        if initials & self.initials == 0 {
            return None;
        }
        let is_named =
            |word: &&str| first(word) & initials != 0 && spelling::names_secret(key, word);
        let standard = STANDARD.iter().find(|(_, words)| words.iter().any(&is_named));
        let rule = match standard {
            Some((rule, _)) => *rule,
            None => {
                let mut extra = self.extra.iter();
                extra.find(|extra| is_named(&&*extra.spelt))?.written.as_str()
            }
        };
        let allowed = self.allowed.iter().any(|allowed| spelling::is_spelt(key, &allowed.spelt));
        (!allowed).then_some(rule)
    }

    /// The names of all rules.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let standard = STANDARD.iter().map(|(rule, _)| *rule);
        let extra = self.extra.iter().map(|key| key.written.as_str());
        let patterns = self.patterns.iter().map(|pattern| pattern.name.as_str());
        let callbacks = self.callbacks.iter().map(|callback| callback.name.as_str());
        standard.chain(value::NAMES).chain([TANGLED]).chain(extra).chain(patterns).chain(callbacks)
    }

    /// Version of the stored form, which stands for the standard keys as well.
    pub const fn version(&self) -> u32 {
        VERSION
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::standard()
    }
}

/// A key given by the user, as written and as compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) written: String,
    spelt: String,
}

impl Key {
    fn new(written: &str) -> Option<Self> {
        // Taking out ASCII separators leaves UTF-8 intact.
        let spelt =
            String::from_utf8(spelling::letters(&spelling::plain(written)).collect()).ok()?;
        (!spelt.is_empty()).then(|| Self { written: written.to_owned(), spelt })
    }
}

/// What is wrong with a key as it is written.
fn key_fault(what: &str, written: &str, is_left_out: bool) -> Option<Fault> {
    const PATHS: [&str; 3] = ["attributes.", "labels.", "meta."];
    let name = short(written);
    let list_or_pattern = |c: char| c.is_ascii() && "\"$'()*+,;<=>?[\\]^`{|}".contains(c);
    let (what, fix) = if is_left_out {
        let what = format!("the {what} `{name}` is not used: it has neither letter nor digit");
        (what, "write the key as it stands in a line; to match values, add a pattern".to_owned())
    } else if let Some(sign) = written.chars().find(|c| list_or_pattern(*c) || c.is_control()) {
        let what = format!("the {what} `{name}` has a {sign:?} in it, and is no list or pattern");
        (what, "give each key on its own, in variables separated by commas".to_owned())
    } else {
        let key = PATHS.iter().find_map(|path| written.strip_prefix(path))?;
        let what = format!("the {what} `{name}` is a path: keys are compared without it");
        (what, format!("write `{}`", short(key)))
    };
    Some(Fault { what, fix, is_left_out })
}

/// Bytes of a text in JSON, with what stands around it.
fn stored_size(text: &str) -> usize {
    let size = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(size).sum::<usize>() + "\"\",".len()
}

/// The first letter of a word, as a set.
fn first(word: &str) -> u32 {
    word.bytes().next().map_or(0, spelling::initial)
}

/// Rules and what they are spelt as, separators left out. The rule named first wins.
const STANDARD: &[(&str, &[&str])] = &[
    ("authorization", &["authorization", "bearer"]),
    ("api_key", &["apikey", "apikeys", "subscriptionkey"]),
    (
        "password",
        &[
            "password",
            "passwords",
            "passwd",
            "passphrase",
            "pwd",
            "pgpassword",
            "sshpass",
            "dbpassword",
            "userpassword",
            "dbpass",
            "smtppass",
            "otp",
            "totp",
        ],
    ),
    ("secret", &["secret", "secrets", "clientsecret", "psk"]),
    ("cookie", &["cookie", "cookies"]),
    ("private_key", &["privatekey", "signingkey", "encryptionkey", "sshkey"]),
    ("access_key", &["accesskey", "secretkey", "accountkey"]),
    ("credential", &["credential", "credentials"]),
    (
        "token",
        &[
            "token",
            "jwt",
            "accesstoken",
            "accesstokens",
            "authtoken",
            "authtokens",
            "refreshtoken",
            "refreshtokens",
            "apitoken",
            "apitokens",
        ],
    ),
    ("card", &["cardnumber", "cvv", "cvc"]),
];
