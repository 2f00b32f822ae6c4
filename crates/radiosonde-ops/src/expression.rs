//! What a PromQL expression reads.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
};

use promql_parser::{
    label::{MatchOp, Matcher},
    parser::{self, AggregateExpr, BinaryExpr, Call, Expr, VectorSelector},
};

/// Longest expression that is parsed, in bytes: the parser takes quadratic time and its trees are
/// as deep as a text is long. Queries people write have a few hundred.
pub(crate) const BYTES_MAX: usize = 4 * 1024;

/// A selection of series within an expression.
#[derive(Debug)]
pub(crate) struct Selector {
    /// The name of the metric; `None` in `{job="a"}`.
    pub(crate) name: Option<String>,
    pub(crate) matchers: Vec<Matcher>,
    /// The function that takes its range, such as `rate`.
    pub(crate) function: Option<&'static str>,
    /// Whether it is read as it was some time ago, by `offset`.
    pub(crate) is_past: bool,
}

/// What stands in an expression.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Its selectors, in no particular order.
    pub(crate) selectors: Vec<Selector>,
    /// Labels that series are put together or matched by.
    pub(crate) groups: Vec<Group>,
    /// Labels the expression makes itself, such as by `label_replace`.
    made: Vec<String>,
}

/// The labels of a `by`, `without`, `on`, `ignoring`, `group_left` or `group_right`.
#[derive(Debug)]
pub(crate) struct Group {
    /// The labels that are named, without those the expression makes.
    pub(crate) labels: Vec<String>,
    /// The selectors whose series are grouped.
    pub(crate) below: Range<usize>,
}

impl Selector {
    fn of(selector: &VectorSelector, function: Option<&'static str>) -> Self {
        let all = &selector.matchers;
        // Alternatives would need every one of them judged alone; nobody writes them by hand.
        let matchers = if all.or_matchers.is_empty() { all.matchers.clone() } else { Vec::new() };
        let named = matchers.iter().find(|matcher| is_name(matcher));
        let name = selector.name.clone().or_else(|| named.map(|matcher| matcher.value.clone()));
        let matchers = matchers.into_iter().filter(|matcher| matcher.name != NAME).collect();
        Self { name, matchers, function, is_past: selector.offset.is_some() }
    }
}

fn is_name(matcher: &Matcher) -> bool {
    matcher.name == NAME && matches!(matcher.op, MatchOp::Equal)
}

const NAME: &str = "__name__";

/// Takes an expression apart, or tells why it cannot be parsed.
pub(crate) fn read(text: &str) -> Result<Reading, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("longer than {BYTES_MAX} bytes"));
    }
    if let Some(duration) = endless_duration(text) {
        return Err(format!("`{duration}` is no duration"));
    }
    let text = &filled_in(text);
    // A fault of the parser is a problem of this expression and of no other.
    let parsed = catch_unwind(AssertUnwindSafe(|| parser::parse(text)))
        .map_err(|_| "the parser failed on it".to_owned())?;
    let expr = parsed.map_err(|error| one_line(&error))?;
    let mut reading = Reading::default();
    // Not by recursion: a thread's stack has an end, and texts are anybody's.
    let mut open = vec![Step::Visit(&expr, None)];
    while let Some(step) = open.pop() {
        match step {
            Step::Visit(expr, function) => reading.visit(expr, function, &mut open),
            Step::Close(index, first) => {
                let below = first..reading.selectors.len();
                reading.groups[index].below = below;
            }
        }
    }
    let made = &reading.made;
    reading.groups.iter_mut().for_each(|group| group.labels.retain(|label| !made.contains(label)));
    Ok(reading)
}

/// What is still to do. What is below an expression is on top of it.
enum Step<'e> {
    /// Look at an expression, which is the argument of that function.
    Visit(&'e Expr, Option<&'static str>),
    /// All below a group was looked at, from that selector on.
    Close(usize, usize),
}

impl Reading {
    fn visit<'e>(
        &mut self,
        expr: &'e Expr,
        function: Option<&'static str>,
        open: &mut Vec<Step<'e>>,
    ) {
        match expr {
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, open),
            Expr::Unary(unary) => open.push(Step::Visit(&unary.expr, None)),
            Expr::Binary(binary) => self.binary(binary, open),
            Expr::Paren(paren) => open.push(Step::Visit(&paren.expr, function)),
            Expr::Subquery(subquery) => open.push(Step::Visit(&subquery.expr, None)),
            Expr::Call(call) => self.call(call, open),
            Expr::MatrixSelector(matrix) => {
                self.selectors.push(Selector::of(&matrix.vs, function));
            }
            Expr::VectorSelector(selector) => self.selectors.push(Selector::of(selector, None)),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
        }
    }

    fn aggregate<'e>(&mut self, aggregate: &'e AggregateExpr, open: &mut Vec<Step<'e>>) {
        if let Some(modifier) = &aggregate.modifier {
            self.group(&modifier.labels().labels, open);
        }
        open.push(Step::Visit(&aggregate.expr, None));
        if let Some(param) = &aggregate.param {
            // Of `count_values`, the label the value goes to; others take numbers.
            if let Expr::StringLiteral(label) = &**param {
                self.made.push(label.val.clone());
            }
            open.push(Step::Visit(param, None));
        }
    }

    fn binary<'e>(&mut self, binary: &'e BinaryExpr, open: &mut Vec<Step<'e>>) {
        if let Some(modifier) = &binary.modifier {
            let matched = modifier.matching.iter().flat_map(|matching| &matching.labels().labels);
            let taken = modifier.card.labels().into_iter().flat_map(|labels| &labels.labels);
            self.group(matched.chain(taken), open);
        }
        open.extend([Step::Visit(&binary.lhs, None), Step::Visit(&binary.rhs, None)]);
    }

    fn call<'e>(&mut self, call: &'e Call, open: &mut Vec<Step<'e>>) {
        let name = call.func.name;
        if matches!(name, "label_join" | "label_replace")
            && let Some(Expr::StringLiteral(label)) = call.args.args.get(1).map(|arg| &**arg)
        {
            self.made.push(label.val.clone());
        }
        open.extend(call.args.args.iter().map(|arg| Step::Visit(arg, Some(name))));
    }

    fn group<'l>(
        &mut self,
        labels: impl IntoIterator<Item = &'l String>,
        open: &mut Vec<Step<'_>>,
    ) {
        let labels: Vec<String> = labels.into_iter().cloned().collect();
        if !labels.is_empty() && self.groups.len() < GROUPS_MAX {
            let first = self.selectors.len();
            open.push(Step::Close(self.groups.len(), first));
            self.groups.push(Group { labels, below: first..first });
        }
    }
}

/// Groups of one expression that are looked at: each takes time with all that is below it.
const GROUPS_MAX: usize = 50;

/// An expression with a duration in place of each variable that a dashboard or an objective fills
/// in, such as `$window` or `${__rate_interval}`. Those in texts of labels are left alone.
fn filled_in(text: &str) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = match first {
            '"' | '\'' | '`' => string_length(rest, first),
            '$' if rest[1..].starts_with('{') => rest.find('}').map_or(1, |end| end + 1),
            '$' => 1 + rest[1..].find(|c| !is_word(c)).unwrap_or(rest.len() - 1),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        filled.push_str(if first == '$' && length > 1 { "5m" } else { token });
        rest = after;
    }
    filled
}

/// A number where a duration stands which is none: the parser panics on `x[inf]`.
fn endless_duration(text: &str) -> Option<&str> {
    let mut rest = text;
    // Whether what came last is followed by a duration.
    let mut expected = false;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let length = match first {
            '#' => rest.find(['\n', '\r']).unwrap_or(rest.len()),
            '"' | '\'' | '`' => string_length(rest, first),
            _ if is_word(first) => rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        if expected && is_word(first) {
            // The exponent of `1e+999` is cut off at its sign; a range has no use for one.
            let exponent = token.ends_with(['e', 'E']) && rest.starts_with(['+', '-']);
            let number: Option<f64> = token.parse().ok();
            let is_long = token.len() > DURATION_BYTES_MAX;
            if is_long
                || exponent
                || number.is_some_and(|number| number.is_nan() || number > SECONDS_MAX)
            {
                return Some(token);
            }
        }
        let stays = expected && (first.is_whitespace() || "#-+".contains(first));
        expected = stays || matches!(token, "[" | ":") || token.eq_ignore_ascii_case("offset");
    }
    None
}

/// The bytes of a text in quotes, or of all that follows where it does not end.
fn string_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped && quote != '`';
    }
    text.len()
}

/// A thousand years: what is longer is no range of a query.
const SECONDS_MAX: f64 = 1000.0 * 366.0 * 86_400.0;
/// `100y52w7d24h60m60s1000ms` has fewer.
const DURATION_BYTES_MAX: usize = 32;

/// The parser's message in one line: it becomes a part of ours.
fn one_line(error: &str) -> String {
    error.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn selectors(text: &str) -> Result<Vec<Selector>, String> {
        read(text).map(|reading| reading.selectors)
    }

    /// The labels of each group, and the metrics below it.
    fn groups(text: &str) -> Vec<String> {
        let reading = read(text).unwrap();
        let told = |group: &Group| {
            let below = &reading.selectors[group.below.clone()];
            let mut names: Vec<&str> =
                below.iter().filter_map(|selector| selector.name.as_deref()).collect();
            names.sort_unstable();
            format!("{}: {}", group.labels.join(" "), names.join(" "))
        };
        reading.groups.iter().map(told).collect()
    }

    #[test]
    fn groups_know_what_is_below_them() {
        for (text, expect) in [
            ("sum(a)", &[][..]),
            ("sum by (x) (a) / b", &["x: a"]),
            ("sum without (x, y) (sum by (z) (a) / b) + c", &["x y: a b", "z: a"]),
            ("c + (a * on (x) group_left (y) b)", &["x y: a b"]),
            ("sum(a) / ignoring (x) max_over_time((b)[1h:5m])", &["x: a b"]),
            ("sum by (x, new) (label_replace(a, \"new\", \"$1\", \"x\", \"(.*)\"))", &["x: a"]),
            ("sum by (new) (label_join(a, \"new\", \"-\", \"x\", \"y\"))", &[": a"]),
            ("sum by (v) (count_values(\"v\", a))", &[": a"]),
        ] {
            assert_eq!(groups(text), expect, "{text}");
        }
        let many = format!("{}a{}", "sum by (x) (".repeat(60), ")".repeat(60));
        assert_eq!(groups(&many), vec!["x: a"; GROUPS_MAX]);
    }

    fn names(text: &str) -> Vec<String> {
        let mut names: Vec<_> =
            selectors(text).unwrap().into_iter().filter_map(|selector| selector.name).collect();
        names.sort();
        names
    }

    #[test]
    fn every_metric_of_an_expression_is_found() {
        for (text, expect) in [
            ("a_total", "a_total"),
            ("sum(rate(a_total{x=\"y\"}[5m])) by (x) / ignoring(z) group_left b", "a_total b"),
            ("histogram_quantile(0.95, sum by (le) (rate(h_bucket[5m])))", "h_bucket"),
            ("max_over_time((a - b)[1h:5m]) or {__name__=\"c\"} and {job=\"d\"}", "a b c"),
            ("-(a) ^ 2 + topk(scalar(b), c offset 5m)", "a b c"),
            ("vector(1) == bool 1", ""),
        ] {
            assert_eq!(names(text).join(" "), expect, "{text}");
        }
    }

    #[test]
    fn the_function_that_takes_a_range_is_known() {
        let function = |text| selectors(text).unwrap()[0].function;
        assert_eq!(function("sum(rate((a[5m])))"), Some("rate"));
        assert_eq!(function("abs(a)"), None);
    }

    #[test]
    fn what_is_no_expression_is_refused_in_one_line() {
        for text in [
            "",
            "sum(",
            "foo bar",
            "rate(a)",
            "a{b=~\"[\"}",
            "nosuch(a)",
            "a[5m",
            "1 + \"a\"",
            "a[inf]",
            "a offset -NaN",
        ] {
            let told = selectors(text).unwrap_err();
            assert!(!told.is_empty() && !told.contains('\n'), "{text}: {told}");
        }
    }

    #[test]
    fn variables_are_filled_in_where_they_are_no_texts() {
        for (text, expect) in [
            ("rate(a[$window])", "rate(a[5m])"),
            ("rate(a[${__rate_interval}])", "rate(a[5m])"),
            ("a{b=~\"$b\"}[$__range:$s]", "a{b=~\"$b\"}[5m:5m]"),
            ("a$", "a$"),
            ("a[${", "a[${"),
            ("é$é", "é$é"),
        ] {
            assert_eq!(filled_in(text), expect, "{text}");
        }
        assert_eq!(names("sum(rate(a_total[$window])) > $b"), ["a_total"]);
    }

    #[test]
    fn durations_without_an_end_are_refused_before_the_parser_sees_them() {
        for text in [
            "a[inf]",
            "a[ # comment\n nan]",
            "a offset - Inf",
            "a[5m:1e99]",
            "a OFFSET 99999999999999999999",
            "a[1e+999]",
            "a[0xffffffffffffffffffffffffffffffffffffffff]",
            "a[99999999999999999999y]",
        ] {
            let told = selectors(text).unwrap_err();
            assert_ne!(told, "the parser failed on it", "{text}");
        }
        for text in ["a[5m]", "a[300]", "inf + a", "a{x=\"[inf\"}", "a[1h:5m] offset -1d", "1e+999"]
        {
            assert_eq!(endless_duration(text), None, "{text}");
        }
    }

    #[test]
    fn the_deepest_expression_fits_the_stack_of_a_small_thread() {
        let deep = |open: &str, close: &str| {
            let times = BYTES_MAX / (open.len() + close.len() + 1);
            format!("{}a{}", open.repeat(times), close.repeat(times))
        };
        for text in
            [deep("(", ")"), deep("-", ""), deep("a+", ""), deep("a^", ""), deep("abs(", ")")]
        {
            let small = std::thread::Builder::new().stack_size(1 << 20);
            let found = small.spawn(move || selectors(&text).map(|found| found.len())).unwrap();
            assert!(found.join().unwrap().is_ok_and(|count| count > 0));
        }
        assert!(selectors(&"(".repeat(BYTES_MAX + 1)).unwrap_err().contains("longer"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Whatever is written, there is an answer.
        #[test]
        fn anything_gets_an_answer(text in ".{0,200}") {
            let _ = read(&text);
        }

        /// Texts of what expressions are made of get further into the parser.
        #[test]
        fn anything_like_an_expression_gets_an_answer(
            parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..40)
        ) {
            if let Err(told) = selectors(&parts.concat()) {
                prop_assert_ne!(told, "the parser failed on it");
            }
        }
    }

    const PARTS: &[&str] = &[
        "a",
        "sum",
        "rate",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "5m",
        "1e999",
        "99999999999999999999y",
        " by ",
        " on ",
        " offset ",
        " @ ",
        "-",
        "+",
        "^",
        "\"",
        "'",
        "=",
        "=~",
        ",",
        ":",
        " and ",
        "bool",
        "0x",
        "inf",
        "nan",
        "start()",
        "group_left",
        "\\",
        "é",
        "#",
        " ",
        ".",
        "1",
    ];
}
