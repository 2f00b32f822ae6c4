//! What tells rows of one name apart.

use std::collections::BTreeMap;

/// Behind each name what tells it from others of the same name; nothing where there is none. Of each
/// the marks are the same kinds of things, in one order, and empty where there is no such thing.
pub(super) fn apart<const N: usize>(rows: &[(String, [String; N])]) -> Vec<String> {
    let mut of_name: BTreeMap<&str, Vec<&[String; N]>> = BTreeMap::new();
    for (name, marks) in rows {
        of_name.entry(name).or_default().push(marks);
    }
    let told = |(name, marks): &(String, [String; N])| {
        let alike = of_name.get(name.as_str()).map_or(&[][..], Vec::as_slice);
        let differs = |at: &usize| alike.iter().any(|other| other[*at] != marks[*at]);
        let marks = (0..N).filter(differs).map(|at| marks[at].as_str());
        let words = [name.as_str()].into_iter().chain(marks).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_behind_it_what_others_of_it_have_not() {
        let row = |name: &str, kind: &str, service: &str| {
            (name.to_owned(), [kind.to_owned(), service.to_owned()])
        };
        let rows = [
            row("Report", "client", "in api"),
            row("Report", "server", "in api"),
            row("load", "client", "in api"),
            row("store", "", "in api"),
            row("store", "", "in jobs"),
            row("sum", "server", "in api"),
            row("sum", "", "in jobs"),
        ];
        let expected = [
            "Report  client",
            "Report  server",
            "load",
            "store  in api",
            "store  in jobs",
            "sum  server  in api",
            "sum  in jobs",
        ];
        assert_eq!(apart(&rows), expected);
    }
}
