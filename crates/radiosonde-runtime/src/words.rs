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
    // What would be rounded to 1024 is one of the next unit.
    while number >= 1023.5 && unit + 1 < units.len() {
        number /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && number < 10.0);
    format!("{number:.digits$} {}", units[unit])
}

/// `4 s`, `3 min`, `2 h`: as exact as somebody who waits wants it.
pub(crate) fn age(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3_600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

/// `logs`, `logs and traces`, `logs, traces and metrics`.
pub(crate) fn listed(words: &[impl AsRef<str>]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// `http://collector:4318` of `http://collector:4318/v1/logs`: what endpoints of several signals have in
/// common.
pub(crate) fn base<'a>(endpoint: &'a str, signal: &str) -> &'a str {
    let before = endpoint.strip_suffix(signal).and_then(|it| it.strip_suffix("/v1/"));
    before.unwrap_or(endpoint)
}

/// `412 µs`, `1.2 ms`, `3.4 s`.
#[cfg(any(feature = "testing", feature = "doctor"))]
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
            [size(0), size(1023), size(3_482), size((1 << 20) - 1), size(52 << 20)],
            ["0 B", "1023 B", "3.4 KiB", "1.0 MiB", "52 MiB"]
        );
        assert_eq!([4.4, 180.0, 7_300.0, 200_000.0].map(age), ["4 s", "3 min", "2 h", "2 days"]);
    }

    #[test]
    fn signals_that_go_to_one_host_are_one_list() {
        let all = ["logs", "traces", "metrics"];
        let lists = [&all[..1], &all[..2], &all[..]].map(listed);
        assert_eq!(lists, ["logs", "logs and traces", "logs, traces and metrics"]);
        for (endpoint, expected) in [
            ("http://h:1/v1/logs", "http://h:1"),
            ("http://h:1/otlp/v1/logs", "http://h:1/otlp"),
            ("http://h:1/v1/traces", "http://h:1/v1/traces"),
            ("http://h:4317", "http://h:4317"),
            ("http://h:1/logs", "http://h:1/logs"),
        ] {
            assert_eq!(base(endpoint, "logs"), expected);
        }
    }
}
