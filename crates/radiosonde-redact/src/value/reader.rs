//! What of a text has been read, so that nothing is read once for each place it could belong to.
//!
//! A text may be made up to be read again and again: `?token=[?token=[?token=[…`. Whatever a rule
//! reads ahead is bounded, ends where the next of its kind begins, or is remembered here.

use std::ops::Range;

use super::text::{ALPHABETS, Alphabet, ends_url, is_random};

/// A text while it is read from left to right.
pub(crate) struct Reader<'t> {
    text: &'t [u8],
    /// The last run of each alphabet.
    runs: [(usize, usize); ALPHABETS],
    /// How far URLs were read for the `@` behind a password, and the last one on the way.
    url: (usize, Option<usize>),
    /// Nothing here looks random, and where its last word begins.
    dull: (Range<usize>, usize),
    /// Of the last JSON web token that was thought of.
    pub(crate) token: Token,
    /// Up to here a `Cookie:` goes on.
    cookie: Option<usize>,
    /// What opens the URL that has been read up to here.
    opening: Opening,
    /// For each sign that closes something: looked for from here, found there.
    closings: [(usize, usize); 3],
    #[cfg(test)]
    pub(crate) steps: usize,
}

/// What stands before a URL and may be closed behind it.
#[derive(Default)]
struct Opening {
    read: usize,
    sign: Option<u8>,
    /// Parameters have begun: what opens there belongs to their values.
    is_past: bool,
}

/// What stands behind the run of characters that headers of JSON web tokens end with.
#[derive(Default)]
pub(crate) struct Token {
    /// The end of that run.
    pub(crate) header_end: usize,
    /// Parts of the token, the header included, and where the last one ends.
    pub(crate) parts: usize,
    pub(crate) end: usize,
    /// Beginnings in that run that were taken for a header's.
    pub(crate) attempts: usize,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Self {
            text,
            runs: [(0, 0); ALPHABETS],
            url: (0, None),
            dull: (0..0, 0),
            token: Token::default(),
            cookie: None,
            opening: Opening::default(),
            closings: [(0, 0); 3],
            #[cfg(test)]
            steps: 0,
        }
    }

    pub(crate) fn text(&self) -> &'t [u8] {
        self.text
    }

    /// Counts bytes that were looked at, for the proof that they are not many.
    #[inline(always)]
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "tests count"))]
    pub(crate) fn count(&mut self, _bytes: usize) {
        #[cfg(test)]
        {
            self.steps += _bytes;
        }
    }

    /// The bytes from `start` on, as long as they belong. For what is read once only.
    pub(crate) fn read(&mut self, start: usize, mut belongs: impl FnMut(u8) -> bool) -> &'t [u8] {
        let rest = self.text.get(start..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| belongs(**byte)).count();
        self.count(length + 1);
        &rest[..length]
    }

    /// Where the characters of an alphabet end that go on at `start`.
    pub(crate) fn end_of_run(&mut self, start: usize, alphabet: Alphabet) -> usize {
        let (from, to) = self.runs[alphabet as usize];
        self.count(1);
        if (from..to).contains(&start) {
            return to;
        }
        let end = start + self.read(start, |byte| alphabet.has(byte)).len();
        self.runs[alphabet as usize] = (start, end);
        end
    }

    /// The last `@` of the URL that goes on at `from`, before `limit`. Both only grow.
    pub(crate) fn last_at_sign(&mut self, from: usize, limit: usize) -> Option<usize> {
        let (mut read, mut last) = self.url;
        if read < from {
            (read, last) = (from, None);
        }
        let begin = read;
        while read < limit && !ends_url(self.text[read]) {
            if self.text[read] == b'@' {
                last = Some(read);
            }
            read += 1;
        }
        self.count(read - begin + 1);
        self.url = (read, last);
        last.filter(|last| *last >= from)
    }

    /// The bracket or quotation mark that opens before the URL whose parameter begins at `start`,
    /// which only grows.
    pub(crate) fn opening(&mut self, start: usize) -> Option<u8> {
        let Opening { read, mut sign, mut is_past } = self.opening;
        for at in read..start {
            let byte = self.text[at];
            let before = at.checked_sub(1).map(|at| self.text[at]);
            match byte {
                b'(' | b'{' if !is_past => sign = Some(byte),
                b')' | b'}' if !is_past => sign = None,
                b'\'' if sign == Some(byte) => sign = None,
                // Within a word it is an apostrophe.
                b'\''
                    if before.is_none_or(|byte| !byte.is_ascii_alphanumeric())
                        && (!is_past || before == Some(b'=')) =>
                {
                    sign = Some(byte);
                }
                b'\'' => {}
                b'?' | b'&' | b';' | b'#' => is_past = true,
                _ if ends_url(byte) => (sign, is_past) = (None, false),
                _ => {}
            }
        }
        self.count(start.saturating_sub(read) + 1);
        self.opening = Opening { read: read.max(start), sign, is_past };
        sign
    }

    /// Where the quotation mark or bracket stands in this line that closes what goes on at `from`.
    pub(crate) fn closing(&mut self, from: usize, sign: u8) -> Option<usize> {
        let which = match sign {
            b'"' => 0,
            b'\'' => 1,
            _ => 2,
        };
        let (known, found) = self.closings[which];
        self.count(1);
        let end = if known <= from && from <= found {
            found
        } else {
            from + self.read(from, |byte| byte != sign && byte != b'\n').len()
        };
        self.closings[which] = (from.min(end), end);
        (self.text.get(end) == Some(&sign)).then_some(end)
    }

    /// Whether a part of this looks random. A part of what does not look so does not either.
    pub(crate) fn looks_random(&mut self, range: Range<usize>) -> bool {
        let (dull, last_word) = &self.dull;
        if dull.start <= range.start && range.end <= dull.end {
            return false;
        }
        let goes_on = dull.start <= range.start && range.start < dull.end;
        let (from, known) = if goes_on {
            (range.start.max(*last_word), dull.start)
        } else {
            (range.start, range.start)
        };
        let mut word = from;
        while word < range.end {
            let rest = &self.text[word..range.end];
            let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            self.count(length + 1);
            if is_random(&rest[..length]) {
                return true;
            }
            if word + length >= range.end {
                break;
            }
            word += length + 1;
        }
        self.dull = (known..range.end, word.min(range.end));
        false
    }

    /// A `Cookie:` whose pairs begin here.
    pub(crate) fn begin_cookie(&mut self, start: usize) {
        self.cookie = Some(start);
    }

    /// Whether a name that begins here is that of a cookie in one.
    pub(crate) fn is_in_cookie(&mut self, start: usize) -> bool {
        let Some(known) = self.cookie.take().filter(|known| *known <= start) else { return false };
        let between = &self.text[known..start];
        self.count(between.len() + 1);
        let ends = |byte: &u8| *byte != b' ' && ends_url(*byte);
        let is_first = between.is_empty();
        let is_next = between.trim_ascii_end().last() == Some(&b';');
        let is_in = (is_first || is_next) && !between.iter().any(ends);
        self.cookie = is_in.then_some(start);
        is_in
    }
}
