//! Numbers as people read them.

/// `1,204`
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 record`, `1,204 records`, `2 more processes`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let end = match (number, noun.ends_with('s')) {
        (1, _) => "",
        (_, false) => "s",
        (_, true) => "es",
    };
    format!("{} {noun}{end}", grouped(number))
}

/// `52 MiB`, `3.4 KiB`.
pub(crate) fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut number = bytes as f64;
    while number >= 1024.0 && unit + 1 < units.len() {
        number /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && number < 10.0);
    format!("{number:.digits$} {}", units[unit])
}

/// `412 µs`, `1.2 ms`, `3.4 s`.
#[cfg(any(feature = "testing", all(feature = "doctor", feature = "_otlp")))]
pub(crate) fn spent(time: std::time::Duration) -> String {
    match time.as_micros() {
        micros @ ..1_000 => format!("{micros} µs"),
        micros @ ..1_000_000 => format!("{:.1} ms", micros as f64 / 1_000.0),
        micros => format!("{:.1} s", micros as f64 / 1_000_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_have_their_plural() {
        assert_eq!(counted(1, "record"), "1 record");
        assert_eq!(counted(1_204_000, "record"), "1,204,000 records");
        assert_eq!(counted(2, "more process"), "2 more processes");
        assert_eq!(
            [size(0), size(1023), size(3_482), size(52 << 20)],
            ["0 B", "1023 B", "3.4 KiB", "52 MiB"]
        );
    }
}
