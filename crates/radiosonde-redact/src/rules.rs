//! The rules: the standard ones, keys added by the user, keys the user wants to see.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::spelling;

/// Version of the stored form.
const VERSION: u32 = 1;

/// Redaction rules: the standard keys, plus keys of your own, minus keys you want to see.
///
/// Cheap to ask, cheap to clone for what it is used for (once per sink). Stored as
/// `{"version":1,"keys":["tenant_pin"],"allow":["cookie"]}`; the standard keys are not stored, the
/// version stands for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub struct Rules {
    extra: Vec<Key>,
    allowed: Vec<Key>,
    /// First letters of all rules, see [`spelling::initials`].
    initials: u32,
}

impl Rules {
    /// The standard keys: authorization, API keys, tokens, passwords, secrets, cookies, private,
    /// access, signing and encryption keys, credentials, card numbers and codes.
    pub fn standard() -> Self {
        let initials =
            STANDARD.iter().flat_map(|(_, words)| *words).fold(0, |set, word| set | first(word));
        Self { extra: Vec::new(), allowed: Vec::new(), initials }
    }

    /// Redacts this key too; it is matched like the standard ones (see the crate's documentation)
    /// and is itself the name of its rule. A key without letters or digits is ignored.
    #[must_use = "returns the extended rules"]
    pub fn with_key(mut self, key: &str) -> Self {
        if let Some(key) = Key::new(key) {
            self.initials |= first(&key.spelt);
            self.extra.push(key);
        }
        self
    }

    /// Keeps the value of exactly this key, case and separators aside, whatever rule would apply:
    /// `cookie` does not stand for `http.request.header.cookie`. Wins over [`Rules::with_key`].
    #[must_use = "returns the relaxed rules"]
    pub fn allow_key(mut self, key: &str) -> Self {
        self.allowed.extend(Key::new(key));
        self
    }

    /// The name of the rule that forbids to write the value of this key, such as `password`.
    ///
    /// Does not allocate.
    pub fn rule_for_key(&self, key: &str) -> Option<&str> {
        if spelling::initials(key) & self.initials == 0 {
            return None;
        }
        let standard = STANDARD
            .iter()
            .find(|(_, words)| words.iter().any(|word| spelling::names_secret(key, word)));
        let rule = match standard {
            Some((rule, _)) => *rule,
            None => {
                let mut extra = self.extra.iter();
                extra.find(|extra| spelling::names_secret(key, &extra.spelt))?.written.as_str()
            }
        };
        let allowed = self.allowed.iter().any(|allowed| spelling::is_spelt(key, &allowed.spelt));
        (!allowed).then_some(rule)
    }

    /// The names of all rules.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let standard = STANDARD.iter().map(|(rule, _)| *rule);
        standard.chain(self.extra.iter().map(|key| key.written.as_str()))
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

/// Rules stored by a version of this crate that is not this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownVersion(u32);

impl fmt::Display for UnknownVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.0;
        write!(f, "redaction rules of version {found}, this program knows {VERSION}; update it")
    }
}

impl std::error::Error for UnknownVersion {}

/// A key given by the user, as written and as compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    written: String,
    spelt: String,
}

impl Key {
    fn new(written: &str) -> Option<Self> {
        // Taking out ASCII separators leaves UTF-8 intact.
        let spelt = String::from_utf8(spelling::letters(written).collect()).ok()?;
        (!spelt.is_empty()).then(|| Self { written: written.to_owned(), spelt })
    }
}

/// [`Rules`] as they are stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    allow: Vec<String>,
}

impl From<Rules> for Stored {
    fn from(rules: Rules) -> Self {
        let written = |keys: Vec<Key>| keys.into_iter().map(|key| key.written).collect();
        Self { version: VERSION, keys: written(rules.extra), allow: written(rules.allowed) }
    }
}

impl TryFrom<Stored> for Rules {
    type Error = UnknownVersion;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        if stored.version != VERSION {
            return Err(UnknownVersion(stored.version));
        }
        let rules = stored.keys.iter().fold(Self::standard(), |rules, key| rules.with_key(key));
        Ok(stored.allow.iter().fold(rules, |rules, key| rules.allow_key(key)))
    }
}

/// The first letter of a word, as a set.
fn first(word: &str) -> u32 {
    word.bytes().next().map_or(0, spelling::initial)
}

/// Rules and what they are spelt as, separators left out. The rule named first wins.
const STANDARD: &[(&str, &[&str])] = &[
    ("authorization", &["authorization", "bearer"]),
    ("api_key", &["apikey", "apikeys"]),
    ("password", &["password", "passwords", "passwd", "passphrase", "pwd"]),
    ("secret", &["secret", "secrets"]),
    ("cookie", &["cookie", "cookies"]),
    ("private_key", &["privatekey", "signingkey", "encryptionkey", "sshkey"]),
    ("access_key", &["accesskey", "secretkey"]),
    ("credential", &["credential", "credentials"]),
    ("token", &["token", "jwt", "accesstokens", "authtokens", "refreshtokens", "apitokens"]),
    ("card", &["cardnumber", "cvv", "cvc"]),
];
