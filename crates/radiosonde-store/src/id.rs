//! The id of a line, by which copies of it are known.

/// An id as our writers give it: `<instance>.<ring>.<seq>`, such as `k3f9q2xw.4.1871`.
///
/// Others call other things `id`, such as a request, which stands in many lines: [`LineId::parse`]
/// knows none of these, and who asks for the process of such a line gets none.
///
/// ```
/// use radiosonde_store::id::LineId;
///
/// let id = LineId::parse("k3f9q2xw.4.1871").unwrap();
/// assert_eq!((id.instance, id.ring, id.seq), ("k3f9q2xw", 4, 1871));
/// assert_eq!(LineId::parse("order.4.1871"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct LineId<'a> {
    /// The run of a process, 8 bytes.
    pub instance: &'a str,
    /// The ring of that process, one for each thread that records.
    pub ring: u32,
    /// The number of the line in its ring.
    pub seq: u64,
}

impl<'a> LineId<'a> {
    /// Takes an id apart. `None` where it has another form than ours.
    #[must_use]
    pub fn parse(id: &'a str) -> Option<Self> {
        let mut parts = id.split('.');
        let instance = parts.next().filter(|instance| instance.len() == INSTANCE_BYTES)?;
        let (ring, seq) = (number(parts.next()?)?, number(parts.next()?)?);
        let ring = u32::try_from(ring).ok()?;
        parts.next().is_none().then_some(Self { instance, ring, seq })
    }
}

/// A number in its shortest form: `1.02` and `1.2` are different texts, hence different ids.
fn number(text: &str) -> Option<u64> {
    let shortest = text == "0" || !text.starts_with(['0', '+']);
    if shortest { text.parse().ok() } else { None }
}

const INSTANCE_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_others_are_told_from_ours() {
        let id = LineId::parse("aaaaaaaa.0.18446744073709551615").unwrap();
        assert_eq!((id.instance, id.ring, id.seq), ("aaaaaaaa", 0, u64::MAX));
        for other in [
            "",
            "request-7",
            "order.17",
            "order.1.17",
            "10.0.0.7",
            "aaaaaaaa.1",
            "aaaaaaaa.1.2.3",
            "aaaaaaaa.1.02",
            "aaaaaaaa.+1.2",
            "aaaaaaaa.-1.2",
            "aaaaaaaa.4294967296.2",
            "aaaaaaaa.1.18446744073709551616",
            "aaaaaaaa..2",
        ] {
            assert_eq!(LineId::parse(other), None, "{other}");
        }
    }
}
