//! A reader of both formats that forgives nothing, written from their descriptions.

use std::collections::{BTreeMap, BTreeSet};

/// A family as it was read.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) word: String,
    pub(crate) help: Option<String>,
    pub(crate) unit: Option<String>,
    pub(crate) samples: Vec<Sample>,
}

/// A line of a family.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
    pub(crate) exemplar: Option<String>,
}

type Read<T> = Result<T, String>;

/// Reads a whole text; `open` of OpenMetrics.
pub(crate) fn read(text: &str, open: bool) -> Read<Vec<Family>> {
    let mut families: Vec<Family> = Vec::new();
    let mut taken = BTreeSet::new();
    let text = match text.strip_suffix("# EOF\n") {
        Some(text) if open => text,
        None if !open => text,
        _ => return Err("EOF is missing, or there without reason".into()),
    };
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("no line end at the end".into());
    }
    for line in text.split_terminator('\n') {
        let outcome = if let Some(comment) = line.strip_prefix("# ") {
            descriptor(comment, open, &mut families)
        } else {
            sample(line, open).and_then(|sample| {
                let family = families.last_mut().ok_or("a sample before the first family")?;
                belongs(family, &sample, open)?;
                family.samples.push(sample);
                Ok(())
            })
        };
        outcome.map_err(|error| format!("{error}: {line}"))?;
    }
    for family in &families {
        whole(family, open).map_err(|error| format!("{error}: {family:?}"))?;
        for suffix in suffixes(&family.word, open) {
            let name = format!("{}{suffix}", family.name);
            if !taken.insert(name.clone()) {
                return Err(format!("{name} stands for two things"));
            }
        }
    }
    Ok(families)
}

/// The names a family has beside its own.
fn suffixes(word: &str, open: bool) -> &'static [&'static str] {
    match (word, open) {
        ("counter", true) => &["", "_total", "_created"],
        ("histogram", true) => &["", "_bucket", "_count", "_sum", "_created"],
        ("histogram", false) => &["", "_bucket", "_count", "_sum"],
        ("summary", true) => &["", "_count", "_sum", "_created"],
        ("summary", false) => &["", "_count", "_sum"],
        _ => &[""],
    }
}

fn descriptor(comment: &str, open: bool, families: &mut Vec<Family>) -> Read<()> {
    let (word, rest) = comment.split_once(' ').ok_or("no word")?;
    let (name, rest) = rest.split_once(' ').ok_or("no name")?;
    is_name(name, true)?;
    let fresh = families.last().is_none_or(|family| family.name != name);
    if fresh {
        families.push(Family { name: name.into(), ..Family::default() });
    }
    let family = families.last_mut().ok_or("no family")?;
    if !family.samples.is_empty() {
        return Err("a family that comes again".into());
    }
    let before = match word {
        "HELP" => family.help.replace(unescape(rest, open)?),
        "UNIT" if open => {
            if rest.is_empty() || !name.ends_with(&format!("_{rest}")) {
                return Err("a unit that is not the end of the name".into());
            }
            family.unit.replace(rest.into())
        }
        "TYPE" => {
            let words: &[&str] = if open {
                &["counter", "gauge", "histogram", "summary", "unknown"]
            } else {
                &["counter", "gauge", "histogram", "summary", "untyped"]
            };
            if !words.contains(&rest) {
                return Err("no such type".into());
            }
            Some(std::mem::replace(&mut family.word, rest.into())).filter(|word| !word.is_empty())
        }
        _ => return Err("an unknown comment".into()),
    };
    before.map_or(Ok(()), |_| Err("said twice".into()))
}

fn is_name(name: &str, metric: bool) -> Read<()> {
    let fits = |c: char| c == '_' || c.is_ascii_alphanumeric() || (metric && c == ':');
    if name.starts_with(|c: char| !c.is_ascii_digit()) && name.chars().all(fits) {
        Ok(())
    } else {
        Err(format!("`{name}` is no name"))
    }
}

/// `quotes` may not stand there as they are.
fn unescape(text: &str, quotes: bool) -> Read<String> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quotes) {
            ('\\', _) => out.push(match (chars.next(), quotes) {
                (Some('\\'), _) => '\\',
                (Some('n'), _) => '\n',
                (Some('"'), true) => '"',
                other => return Err(format!("no escape: {other:?}")),
            }),
            ('"', true) | ('\0', _) => return Err(format!("{c:?} as it is")),
            _ => out.push(c),
        }
    }
    Ok(out)
}

fn sample(line: &str, open: bool) -> Read<Sample> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    is_name(name, true)?;
    let mut labels = Vec::new();
    if rest.starts_with('{') {
        (labels, rest) = read_labels(rest)?;
    }
    let rest = rest.strip_prefix(' ').ok_or("no space before the value")?;
    let (value, exemplar) = match rest.split_once(" # ") {
        Some((value, exemplar)) if open => (value, Some(exemplar)),
        None => (rest, None),
        _ => return Err("an exemplar".into()),
    };
    let exemplar = exemplar.map(read_exemplar).transpose()?;
    Ok(Sample { name: name.into(), labels, value: number(value)?, exemplar })
}

/// `{a="b"}`, and what follows.
fn read_labels(text: &str) -> Read<(Vec<(String, String)>, &str)> {
    let mut labels: Vec<(String, String)> = Vec::new();
    let mut rest = text.strip_prefix('{').ok_or("no brace")?;
    loop {
        let (name, value) = rest.split_once("=\"").ok_or("no label")?;
        is_name(name, false)?;
        if labels.iter().any(|(before, _)| before == name) {
            return Err(format!("{name} twice"));
        }
        let mut escaped = false;
        let end = value.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let (value, after) = value.split_at(end.ok_or("no end of the value")?);
        labels.push((name.into(), unescape(value, true)?));
        let after = &after[1..];
        if let Some(after) = after.strip_prefix('}') {
            return Ok((labels, after));
        }
        rest = after.strip_prefix(',').ok_or("neither a comma nor the end")?;
    }
}

fn read_exemplar(text: &str) -> Read<String> {
    let (labels, rest) = read_labels(text)?;
    let characters =
        labels.iter().map(|(name, value)| name.chars().count() + value.chars().count());
    if characters.sum::<usize>() > 128 {
        return Err("too many characters in an exemplar".into());
    }
    let mut numbers = rest.strip_prefix(' ').ok_or("no value")?.split(' ');
    let value = number(numbers.next().ok_or("no value")?)?;
    let at = numbers.next().map(number).transpose()?;
    if !value.is_finite() || at.is_some_and(|at| at < 0.0) || numbers.next().is_some() {
        return Err("no exemplar".into());
    }
    Ok(text.into())
}

fn number(text: &str) -> Read<f64> {
    match text {
        "NaN" => Ok(f64::NAN),
        "+Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        _ if text.chars().all(|c| c.is_ascii_digit() || "+-.e".contains(c)) => {
            text.parse().map_err(|_| format!("`{text}` is no number"))
        }
        _ => Err(format!("`{text}` is no number")),
    }
}

/// Whether the line may stand in the family.
fn belongs(family: &Family, sample: &Sample, open: bool) -> Read<()> {
    let suffix = sample.name.strip_prefix(&family.name).ok_or("a line of another family")?;
    let label = |name: &str| sample.labels.iter().find(|(there, _)| there == name);
    let (fits, own) = match (family.word.as_str(), suffix) {
        ("counter", "_total") => (open, ""),
        ("counter", "") => (!open, ""),
        ("gauge" | "unknown" | "untyped", "") => (true, ""),
        ("histogram", "_bucket") => (true, "le"),
        ("histogram" | "summary", "_sum" | "_count") => (true, ""),
        ("summary", "") => (true, "quantile"),
        _ => (false, ""),
    };
    if !fits {
        return Err("a name that the type has not".into());
    }
    let typed = matches!(family.word.as_str(), "histogram" | "summary");
    for name in ["le", "quantile"] {
        if typed
            && label(name).is_some() != (name == own)
            && (family.word == "histogram") == (name == "le")
        {
            return Err(format!("{name} is missing, or there without reason"));
        }
    }
    let counts = matches!(suffix, "_total" | "_bucket" | "_count") || suffix == "_sum";
    if open && counts && (sample.value.is_nan() || sample.value < 0.0) {
        return Err("a count that is none".into());
    }
    if own == "quantile" {
        let quantile = label("quantile").map_or(Ok(-1.0), |(_, value)| number(value))?;
        if !(0.0..=1.0).contains(&quantile) || (open && sample.value < 0.0) {
            return Err("no quantile".into());
        }
    }
    if sample.exemplar.is_some() && !matches!(suffix, "_total" | "_bucket") {
        return Err("an exemplar where none may be".into());
    }
    let same = |there: &&Sample| there.name == sample.name && there.labels == sample.labels;
    family.samples.iter().find(same).map_or(Ok(()), |_| Err("a line twice".into()))
}

/// Whether the lines of a family agree with each other.
fn whole(family: &Family, open: bool) -> Read<()> {
    if family.word.is_empty() {
        return Err("no type".into());
    }
    if family.word != "histogram" {
        return Ok(());
    }
    let mut series = BTreeMap::<Vec<(String, String)>, Vec<&Sample>>::new();
    let mut last = None;
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        labels.retain(|(name, _)| name != "le");
        if last.as_ref().is_some_and(|last| *last != labels) && series.contains_key(&labels) {
            return Err("a series that comes again".into());
        }
        series.entry(labels.clone()).or_default().push(sample);
        last = Some(labels);
    }
    for samples in series.values() {
        let of = |suffix: &str| {
            let name = format!("{}{suffix}", family.name);
            samples.iter().filter(move |sample| sample.name == name)
        };
        let mut bounds = vec![];
        for bucket in of("_bucket") {
            let le = bucket.labels.iter().find(|(name, _)| name == "le").ok_or("no le")?;
            bounds.push((number(&le.1)?, bucket.value));
        }
        let rising = bounds.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1);
        let (inf, total) = *bounds.last().ok_or("no bucket")?;
        if !rising || inf != f64::INFINITY {
            return Err("buckets that do not rise to +Inf".into());
        }
        let (sums, counts) = (of("_sum").count(), of("_count").count());
        if sums != counts || sums > 1 || (!open && sums == 0) {
            return Err("not one sum and one count".into());
        }
        if of("_count").any(|count| count.value != total) {
            return Err("a count that is not the last bucket".into());
        }
        if open && sums == 1 && bounds[0].0 < 0.0 {
            return Err("a sum of what may be negative".into());
        }
    }
    Ok(())
}
