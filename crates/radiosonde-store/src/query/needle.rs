//! The bytes that every line wanted holds, for passing over the others unparsed.

use std::ops::Range;

use memchr::{memchr2, memmem};

use crate::query::Query;

/// Bytes to look for.
pub(super) struct Needle {
    text: Vec<u8>,
    by: By,
}

/// How they are found.
enum By {
    /// As they are written.
    All(memmem::Finder<'static>),
    /// In either case: by those that have none, so far behind the first one.
    Caseless(usize, memmem::Finder<'static>),
    /// The same where nearly all of them are letters: by one of these.
    Letter(usize, u8),
}

impl Needle {
    pub(super) fn of(query: &Query) -> Option<Self> {
        let (text, in_either_case) = query.sought()?;
        Some(Self::new(text.as_bytes(), in_either_case))
    }

    fn new(text: &[u8], in_either_case: bool) -> Self {
        let finder = |bytes| memmem::Finder::new(bytes).into_owned();
        let letters = text.iter().enumerate().filter(|(_, byte)| byte.is_ascii_alphabetic());
        let rarest = letters.min_by_key(|(_, letter)| RARE.iter().position(|rare| rare == *letter));
        let by = match (rarest, caseless(text)) {
            (Some(_), run) if in_either_case && run.len() >= RUN_MIN => {
                By::Caseless(run.start, finder(&text[run]))
            }
            (Some((at, letter)), _) if in_either_case => By::Letter(at, *letter),
            _ => By::All(finder(text)),
        };
        Self { text: text.to_vec(), by }
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Where they stand first.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<usize> {
        match &self.by {
            By::All(finder) => finder.find(bytes),
            By::Caseless(at, part) => self.find_by(*at, bytes, |bytes| part.find(bytes)),
            By::Letter(at, letter) => {
                let (small, capital) = (letter.to_ascii_lowercase(), letter.to_ascii_uppercase());
                self.find_by(*at, bytes, |bytes| memchr2(small, capital, bytes))
            }
        }
    }

    /// The same by a part of them, so far behind the first one.
    fn find_by(
        &self,
        behind: usize,
        bytes: &[u8],
        find: impl Fn(&[u8]) -> Option<usize>,
    ) -> Option<usize> {
        let mut from = behind;
        loop {
            let part = from + find(bytes.get(from..)?)?;
            let start = part - behind;
            // Where there is no room for all of them, there is none later on.
            if bytes.get(start..start + self.text.len())?.eq_ignore_ascii_case(&self.text) {
                return Some(start);
            }
            from = part + 1;
        }
    }
}

/// The longest stretch without a letter.
fn caseless(text: &[u8]) -> Range<usize> {
    let (mut longest, mut start) = (0..0, 0);
    let is_letter = |at: &usize| text.get(*at).is_none_or(u8::is_ascii_alphabetic);
    for end in (0..=text.len()).filter(is_letter) {
        if end - start > longest.len() {
            longest = start..end;
        }
        start = end + 1;
    }
    longest
}

/// Fewer digits stand everywhere in lines.
const RUN_MIN: usize = 2;
/// The digits of an id that are letters, the rarest in lines first.
const RARE: &[u8] = b"bfcdae";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_place_is_found_whatever_the_case(
            text in "[0-9a-f]{1,4}|[a-f]{2,3}|([a-f][0-9]){2}",
            before in "[0-9a-fA-F\"]{0,40}",
            letters in any::<u32>(),
            behind in "[0-9a-fA-F]{0,6}",
        ) {
            let turned = |(at, letter): (usize, char)| match letters >> at & 1 {
                0 => letter,
                _ => letter.to_ascii_uppercase(),
            };
            let there: String = text.chars().enumerate().map(turned).collect();
            for bytes in [format!("{before}{there}{behind}"), before] {
                let folded = bytes.to_ascii_lowercase();
                let found = Needle::new(text.as_bytes(), true).find(bytes.as_bytes());
                prop_assert_eq!(found, folded.find(&text), "{} in {}", text, bytes);
                let found = Needle::new(text.as_bytes(), false).find(bytes.as_bytes());
                prop_assert_eq!(found, bytes.find(&text), "{} in {}", text, bytes);
            }
        }
    }
}
