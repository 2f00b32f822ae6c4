//! Keys that say by their first characters whose they are.

use super::reader::Reader;
use super::text::Alphabet;

/// A kind of key: what it begins with, and what its body is made of.
struct Kind {
    prefix: &'static str,
    alphabet: Alphabet,
    /// Characters behind the prefix.
    least: usize,
    most: usize,
    /// Whether words could look like it, so that the body has to look random.
    needs_randomness: bool,
    /// Whether names and paths could end in it.
    stands_alone: bool,
}

/// Full stops and the like behind a key that are none of it, at most.
const STOPS_MAX: usize = 8;

/// Where a key ends that begins at `start`, where a word can begin.
pub(crate) fn end_of_key(reader: &mut Reader<'_>, start: usize) -> Option<usize> {
    let first = *reader.text().get(start)?;
    let (from, to) = *BY_FIRST_LETTER.get(usize::from(first))?;
    let kinds = KINDS.get(usize::from(from)..usize::from(to))?;
    kinds.iter().find_map(|kind| kind.end(reader, start))
}

/// Whether a kind begins with this byte.
pub(crate) const fn is_first_letter(byte: u8) -> bool {
    byte.is_ascii() && BY_FIRST_LETTER[byte as usize].0 < BY_FIRST_LETTER[byte as usize].1
}

impl Kind {
    /// The end of such a key at `start`.
    fn end(&self, reader: &mut Reader<'_>, start: usize) -> Option<usize> {
        let rest = reader.text().get(start..)?;
        let prefix = self.prefix.as_bytes();
        reader.count(1);
        // Nearly all words are through here: a comparison of whole prefixes is a call.
        if rest.get(1) != prefix.get(1) || !rest.starts_with(prefix) {
            return None;
        }
        reader.count(prefix.len());
        // The last part of a name is an id: `cache-key-9e107d9d…`.
        let before = start.checked_sub(1).map(|at| reader.text()[at]);
        if self.stands_alone && matches!(before, Some(b'-' | b'_' | b'/' | b'.')) {
            return None;
        }
        let from = start + prefix.len();
        let body = &reader.text()[from..];
        let mut length = (reader.end_of_run(from, self.alphabet) - from).min(self.most + 1);
        // The full stop of a sentence is none of the key.
        let stops = body[..length].iter().rev().take(STOPS_MAX);
        length -= stops.take_while(|byte| matches!(byte, b'.' | b'/')).count();
        let fits = (self.least..=self.most).contains(&length);
        // Of another alphabet, but the same word: then it is something else.
        let ends = body.get(length).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        let end = from + length;
        (fits && ends && (!self.needs_randomness || reader.looks_random(from..end))).then_some(end)
    }
}

const fn kind(prefix: &'static str, alphabet: Alphabet, least: usize, most: usize) -> Kind {
    Kind { prefix, alphabet, least, most, needs_randomness: false, stands_alone: false }
}

const fn random(prefix: &'static str, alphabet: Alphabet, least: usize, most: usize) -> Kind {
    Kind { prefix, alphabet, least, most, needs_randomness: true, stands_alone: false }
}

use Alphabet::{Alphanumeric, Base32, Dotted, LowerHex, Path, UrlSafe};

/// Sorted by first letter; of two that begin alike the longer one comes first. Prefix and body have
/// at least [`super::prefilter::RUN`] characters together, or enough capitals and digits.
const KINDS: &[Kind] = &[
    // AWS: ids of access keys, of users and of roles for a while.
    kind("ABIA", Base32, 16, 16),
    kind("ACCA", Base32, 16, 16),
    kind("AGE-SECRET-KEY-1", Alphanumeric, 58, 58),
    kind("AIza", UrlSafe, 35, 35),
    kind("AKIA", Base32, 16, 16),
    kind("ASIA", Base32, 16, 16),
    kind("ATATT3", Alphabet::UrlSafeEquals, 60, 400),
    kind("ATBB", Alphanumeric, 28, 40),
    kind("CFPAT-", UrlSafe, 40, 60),
    kind("CLOJARS_", LowerHex, 60, 60),
    kind("EAAA", UrlSafe, 56, 250),
    random("FLWSECK-", Dotted, 30, 80),
    random("FLWSECK_TEST-", Dotted, 30, 80),
    kind("GOCSPX-", UrlSafe, 28, 28),
    kind("GR1348941", UrlSafe, 20, 40),
    kind("HRKU-AA", UrlSafe, 50, 80),
    kind("NRAK-", Alphanumeric, 27, 27),
    kind("PMAK-", Alphabet::HexDashed, 40, 80),
    kind("SG.", Dotted, 60, 72),
    kind("SK", LowerHex, 32, 32),
    kind("api_live_", Alphanumeric, 32, 64),
    kind("cio", Alphanumeric, 32, 32),
    random("dapi", Alphabet::HexDashed, 32, 36),
    kind("dckr_pat_", UrlSafe, 27, 36),
    kind("discord.com/api/webhooks/", Path, 60, 120),
    kind("discordapp.com/api/webhooks/", Path, 60, 120),
    kind("doo_v1_", LowerHex, 64, 64),
    kind("dop_v1_", LowerHex, 64, 64),
    kind("dor_v1_", LowerHex, 64, 64),
    kind("dp.pt.", Alphanumeric, 40, 48),
    kind("dp.st.", Dotted, 40, 80),
    kind("figd_", UrlSafe, 38, 60),
    kind("fm2_", Alphabet::Base64, 80, 1200),
    kind("gho_", Alphanumeric, 36, 251),
    kind("ghp_", Alphanumeric, 36, 251),
    kind("ghr_", Alphanumeric, 36, 251),
    kind("ghs_", Dotted, 36, 700),
    kind("ghu_", Alphanumeric, 36, 251),
    kind("github_pat_", Alphabet::Word, 60, 251),
    kind("glagent-", UrlSafe, 50, 100),
    kind("glc_", Alphabet::Base64, 40, 400),
    kind("glcbt-", UrlSafe, 20, 100),
    kind("gldt-", UrlSafe, 20, 100),
    kind("glimt-", UrlSafe, 25, 100),
    random("glpat-", Dotted, 20, 300),
    kind("glptt-", LowerHex, 40, 40),
    kind("glrt-", Dotted, 20, 300),
    kind("glsa_", Alphabet::Word, 41, 41),
    kind("glsoat-", UrlSafe, 20, 100),
    kind("gsk_", Alphanumeric, 48, 60),
    kind("hf_", Alphanumeric, 34, 40),
    kind("hooks.slack.com/services/", Path, 30, 60),
    kind("hvb.", UrlSafe, 90, 300),
    kind("hvs.", UrlSafe, 24, 200),
    Kind { stands_alone: true, ..random("key-", LowerHex, 32, 32) },
    kind("lin_api_", Alphanumeric, 40, 40),
    kind("lsv2_pt_", Alphabet::Word, 40, 60),
    kind("lsv2_sk_", Alphabet::Word, 40, 60),
    kind("nfp_", Alphanumeric, 36, 40),
    kind("npm_", Alphanumeric, 36, 36),
    kind("ntn_", Alphanumeric, 40, 50),
    random("nvapi-", UrlSafe, 60, 80),
    kind("pplx-", Alphanumeric, 40, 60),
    kind("pscale_oauth_", Dotted, 32, 64),
    kind("pscale_pw_", Dotted, 32, 64),
    kind("pscale_tkn_", Dotted, 32, 64),
    kind("pul-", LowerHex, 40, 40),
    kind("pypi-", UrlSafe, 50, 250),
    kind("r8_", Alphanumeric, 37, 40),
    kind("rk_live_", Alphanumeric, 24, 247),
    kind("rk_test_", Alphanumeric, 24, 247),
    kind("rubygems_", LowerHex, 48, 48),
    kind("sbp_", LowerHex, 40, 40),
    random("secret_", Alphanumeric, 43, 43),
    kind("sgp_", Alphabet::Word, 40, 80),
    kind("shpat_", Alphabet::Hex, 32, 32),
    kind("shpca_", Alphabet::Hex, 32, 32),
    kind("shppa_", Alphabet::Hex, 32, 32),
    kind("shpss_", Alphabet::Hex, 32, 32),
    kind("sk-ant-", UrlSafe, 24, 200),
    kind("sk-or-v1-", LowerHex, 64, 64),
    kind("sk-proj-", UrlSafe, 40, 200),
    kind("sk-svcacct-", UrlSafe, 40, 200),
    random("sk-", UrlSafe, 32, 200),
    kind("sk_live_", Alphanumeric, 24, 247),
    kind("sk_test_", Alphanumeric, 24, 247),
    kind("sntrys_", Alphabet::Base64, 40, 400),
    kind("sntryu_", LowerHex, 64, 64),
    kind("sq0atp-", UrlSafe, 22, 22),
    kind("sq0csp-", UrlSafe, 43, 43),
    random("tvly-", UrlSafe, 32, 60),
    kind("whsec_", Alphabet::Base64, 24, 64),
    kind("xai-", Alphanumeric, 70, 90),
    random("xapp-", UrlSafe, 40, 160),
    kind("xkeysib-", Alphabet::HexDashed, 64, 100),
    random("xoxa-", UrlSafe, 24, 300),
    random("xoxb-", UrlSafe, 24, 300),
    random("xoxe-", UrlSafe, 24, 300),
    random("xoxe.xox", UrlSafe, 24, 300),
    random("xoxo-", UrlSafe, 24, 300),
    random("xoxp-", UrlSafe, 24, 300),
    random("xoxr-", UrlSafe, 24, 300),
    random("xoxs-", UrlSafe, 24, 300),
    kind("ya29.", Alphabet::Dotted, 40, 2000),
];

/// Which of the kinds begin with each letter.
static BY_FIRST_LETTER: [(u8, u8); 128] = by_first_letter();

const fn by_first_letter() -> [(u8, u8); 128] {
    let mut ranges = [(0, 0); 128];
    let mut at = 0;
    while at < KINDS.len() {
        let first = KINDS[at].prefix.as_bytes()[0] as usize;
        if ranges[first].1 == 0 {
            ranges[first].0 = at as u8;
        } else {
            assert!(ranges[first].1 == at as u8, "the kinds are not sorted by first letter");
        }
        ranges[first].1 = at as u8 + 1;
        at += 1;
    }
    ranges
}

/// What the kinds begin with.
#[cfg(test)]
pub(super) fn prefixes() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.prefix)
}

#[cfg(test)]
mod tests {
    use super::super::prefilter;
    use super::*;

    #[test]
    fn of_kinds_that_begin_alike_the_longer_prefix_comes_first() {
        for (at, kind) in KINDS.iter().enumerate() {
            let shadowed = KINDS[..at].iter().find(|before| kind.prefix.starts_with(before.prefix));
            assert!(shadowed.is_none(), "{} behind {}", kind.prefix, shadowed.unwrap().prefix);
        }
    }

    #[test]
    fn every_kind_is_long_enough_for_the_look_before() {
        for kind in KINDS {
            let dense = matches!(kind.alphabet, Base32);
            let length = kind.prefix.len() + kind.least;
            assert!(
                length >= prefilter::RUN || dense && length >= prefilter::DENSE,
                "{}",
                kind.prefix
            );
        }
    }
}
