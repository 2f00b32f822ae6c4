//! Which values must not be written down: redaction rules by key and by value.
//!
//! A field named `db.password` is a secret whatever it holds, and `Bearer 9f2c…` is one wherever it
//! stands. [`Rules`] finds both, replaces no more than the secret, and names the rule so that what was
//! replaced can be counted:
//!
//! ```text
//! {"evt":"login","msg":"postgres://app:[redacted]@db/x","meta":{"password":"[redacted]","token_count":17}, …}
//! radiosonde_redacted_total{rule="password"} 1
//! radiosonde_redacted_total{rule="url_password"} 1
//! ```
//!
//! # Example
//!
//! ```
//! use radiosonde_redact::{Counts, REDACTED, Rules};
//!
//! let rules = Rules::standard().with_key("tenant_pin").with_pattern("staff", r"\bP-\d{6}\b");
//! let counts = Counts::new(&rules);
//! let mut line = String::new();
//! for (key, value) in [
//!     ("userPassword", "hunter2"),
//!     ("token_count", "17"),
//!     ("db", "postgres://app:hunter2@db/x"),
//!     ("by", "P-004711"),
//! ] {
//!     let shown = match rules.rule_for_key(key) {
//!         Some(rule) => {
//!             counts.add(rule);
//!             REDACTED.to_owned()
//!         }
//!         None => rules
//!             .redact(value, &mut |rule| counts.add(rule))
//!             .unwrap_or_else(|| value.to_owned()),
//!     };
//!     line += &format!("{key}={shown} ");
//! }
//! assert_eq!(
//!     line,
//!     "userPassword=[redacted] token_count=17 db=postgres://app:[redacted]@db/x by=[redacted] "
//! );
//! assert!(counts.snapshot().contains(&("url_password", 1)));
//! ```
//!
//! # How a key is matched
//!
//! A key is cut into segments at everything that is neither letter nor digit, and where its case
//! changes (`apiKey`, `APIKey`). A rule applies when some neighbouring whole segments spell it,
//! separators, case and trailing digits aside: `api_key`, `x-api-key`, `APIKEY`, `apiKey2` are all
//! `api_key`; `author`, `tokenizer` and `secretary` are nothing.
//!
//! A key that goes on after the match and ends in a harmless word says something *about* the
//! secret and keeps its value: `token_count`, `api_key_id`, `secret_name`, `password_length`,
//! `cookie_consent`, `token_expires_at`. So does the plural `tokens`, which counts words of a
//! language model (`max_tokens`, `tokens_input`), except in `access_tokens` and its like.
//!
//! # How a value is matched
//!
//! By strong patterns only: credentials behind `Bearer` and `Basic`, keys with a known prefix, JSON
//! web tokens, private keys, card numbers with a valid check digit, passwords in URLs, and parameters
//! and headers whose names a rule for keys matches. The table of all of them, and what they do not see, is in
//! `docs/redaction.md` of the repository. [`Rules::redact`] first has a quick look ([`may_match`]),
//! which takes some nanoseconds and lets go nearly all text without a secret; then the text is read
//! once from left to right, in time proportional to its length whatever it holds. Patterns and callbacks of the user are asked about every value.
//!
//! # Failure
//!
//! Nothing here fails or panics, whatever key and value hold; a callback that panics costs the value
//! and all it would have seen after it, see [`Rules::panicked_callbacks`]. Rules that cannot be used are
//! left out, see [`Rules::faults`]. Rules stored by a newer version
//! are refused when they are read back, so that nobody recovers records with rules he does not
//! understand; of a callback nobody knows, every value it would have seen is replaced.
//!
//! # Metrics
//!
//! `radiosonde_redacted_total{rule}` counts what was replaced; whoever applies the rules reports it,
//! from [`Counts`] for instance.
#![forbid(unsafe_code)]

mod counts;
#[doc(hidden)]
pub mod fuzzing;
mod json;
mod redact;
mod rules;
mod spelling;
mod stored;
mod summary;
mod user;
mod value;

pub use counts::Counts;
pub use redact::may_match;
pub use rules::Rules;
pub use stored::StoredError;
pub use user::{Fault, Verdict, is_in_callback};

/// What stands in the place of a redacted value.
pub const REDACTED: &str = "[redacted]";
