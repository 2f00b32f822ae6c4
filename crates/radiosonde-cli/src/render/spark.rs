//! A row of figures as a row of characters.

/// What the characters are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks([char; 8]);

/// Where the lowest character stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Base {
    /// The first of two values, and the highest for the second: for what stands somewhere between them.
    Between(f64, f64),
    /// Nothing: for what comes and goes. What is more than nothing looks like more.
    Zero,
}

impl Marks {
    /// Blocks, or ASCII where the locale says that the terminal has nothing else.
    pub(crate) fn of_environment() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::of_locale(["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).as_deref())
    }

    /// Of the locale that counts. Where nobody has set one, as in containers, terminals know UTF-8.
    fn of_locale(locale: Option<&str>) -> Self {
        let is_unicode = |locale: &str| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        };
        if locale.is_none_or(is_unicode) { Self(BLOCKS) } else { Self(ASCII) }
    }

    /// The row. Where there is no figure, or none that a height could show, it has a gap.
    pub(crate) fn row(self, figures: &[Option<f64>], base: Base) -> String {
        let seen = || figures.iter().flatten().copied().filter(|figure| figure.is_finite());
        let mut least = seen().fold(f64::INFINITY, f64::min);
        let mut most = seen().fold(f64::NEG_INFINITY, f64::max);
        let base =
            if least < 0.0 && base == Base::Zero { Base::Between(least, most) } else { base };
        if let Base::Between(from, to) = base {
            (least, most) = (from, to);
        }
        let height = |figure: f64| match base {
            _ if !figure.is_finite() => None,
            Base::Zero if figure <= 0.0 => Some(0),
            Base::Zero => Some(1 + part(figure, 0.0, most, 6)),
            Base::Between(..) if least < most => Some(part(figure, least, most, 7)),
            Base::Between(..) => Some(if figure == 0.0 { 0 } else { 3 }),
        };
        let mark = |figure: &Option<f64>| figure.and_then(height).map_or(' ', |at| self.0[at]);
        figures.iter().map(mark).collect()
    }
}

/// How far a figure is from the least to the most, in so many steps.
fn part(figure: f64, least: f64, most: f64, steps: u8) -> usize {
    // Halves, as the distance of the largest numbers is none any more.
    let part = (figure / 2.0 - least / 2.0) / (most / 2.0 - least / 2.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 7")]
    let step = (part * f64::from(steps)).round().clamp(0.0, f64::from(steps)) as usize;
    step
}

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_height_of_their_part() {
        let marks = Marks::of_locale(None);
        for (figures, base, expect) in [
            (&[0.0, 1.0, 50.0, 100.0][..], Base::Zero, "▁▂▅█"),
            (&[90.0, 95.0, 100.0], Base::Zero, "▇██"),
            (&[90.0, 95.0, 100.0], Base::Between(90.0, 100.0), "▁▅█"),
            (&[5.0, 50.0, 100.0, 101.0], Base::Between(0.0, 100.0), "▁▅██"),
            (&[5.0, 5.0], Base::Between(5.0, 5.0), "▄▄"),
            // A mean is not always just what all of it was.
            (&[0.1, 0.1 + 1e-16], Base::Between(0.1, 0.1), "▄▄"),
            (&[0.0, 0.0], Base::Between(0.0, 0.0), "▁▁"),
            (&[0.0, 0.0], Base::Zero, "▁▁"),
            (&[-1.0, 0.0, 1.0], Base::Zero, "▁▅█"),
            (&[f64::MAX, f64::MIN, 0.0], Base::Between(f64::MIN, f64::MAX), "█▁▅"),
            (&[1e-300, f64::MAX], Base::Zero, "▂█"),
            (&[f64::NAN, 1.0, f64::INFINITY, f64::NEG_INFINITY], Base::Zero, " █  "),
            (&[f64::NAN], Base::Between(0.0, 1.0), " "),
            (&[], Base::Zero, ""),
        ] {
            let figures: Vec<_> = figures.iter().copied().map(Some).collect();
            assert_eq!(marks.row(&figures, base), expect, "{figures:?}");
        }
        assert_eq!(marks.row(&[None, Some(1.0), None], Base::Zero), " █ ");
    }

    #[test]
    fn a_locale_without_unicode_gets_ascii() {
        let figures = [Some(0.0), Some(1.0)];
        for (locale, expect) in [
            (None, "▁█"),
            (Some("C.UTF-8"), "▁█"),
            (Some("en_US.utf8"), "▁█"),
            (Some("C"), "_#"),
            (Some("POSIX"), "_#"),
            (Some("de_DE.ISO-8859-1"), "_#"),
        ] {
            assert_eq!(Marks::of_locale(locale).row(&figures, Base::Zero), expect, "{locale:?}");
        }
    }
}
