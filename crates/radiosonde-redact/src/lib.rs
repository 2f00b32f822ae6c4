//! Which values must not be written down: redaction rules by key.
//!
//! A field named `db.password` is a secret whatever it holds. [`Rules`] decides by the name alone,
//! without allocating, and names the rule so that what was replaced can be counted:
//!
//! ```text
//! {"evt":"login","meta":{"user":"ada","password":"[redacted]","token_count":17}, …}
//! radiosonde_redacted_total{rule="password"} 1
//! ```
//!
//! # Example
//!
//! ```
//! use radiosonde_redact::{Counts, REDACTED, Rules};
//!
//! let rules = Rules::standard().with_key("tenant_pin").allow_key("cookie");
//! let counts = Counts::new(&rules);
//! let mut line = String::new();
//! for (key, value) in [("userPassword", "hunter2"), ("token_count", "17"), ("cookie", "oat")] {
//!     let shown = match rules.rule_for_key(key) {
//!         Some(rule) => {
//!             counts.add(rule);
//!             REDACTED
//!         }
//!         None => value,
//!     };
//!     line += &format!("{key}={shown} ");
//! }
//! assert_eq!(line, "userPassword=[redacted] token_count=17 cookie=oat ");
//! assert!(counts.snapshot().contains(&("password", 1)));
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
//! # Failure
//!
//! Nothing here fails or panics, whatever the key holds. Rules stored by a newer version are refused
//! when they are read back, so that nobody recovers records with rules he does not understand.
#![forbid(unsafe_code)]

mod counts;
#[doc(hidden)]
pub mod fuzzing;
mod json;
mod redact;
mod rules;
mod spelling;
mod stored;
mod user;
mod value;

pub use counts::Counts;
pub use redact::may_match;
pub use rules::Rules;
pub use stored::StoredError;
pub use user::{Fault, Verdict};

/// What stands in the place of a redacted value.
pub const REDACTED: &str = "[redacted]";
