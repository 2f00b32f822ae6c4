//! Suite `query`: how long it takes to find the lines of one job in a day, or of a level, a name, a
//! minute, in a day as it is written, sealed, compressed, and in a month.
//!
//! Every answer is compared with that of jq, which parses every line: another one is an error, not a
//! figure.

mod ask;
mod data;
mod lines;
mod measure;
mod programs;
mod reference;
mod round;
mod tools;

use crate::harness::{
    Better, Candidate, Layout, Measured, Overflow, Prepared, Role, Round, Size, Suite, Workload,
};
use ask::Ask;
use data::{Data, Form};
use tools::Tool;

/// The suite.
pub(crate) const SUITE: Suite = Suite {
    name: "query",
    about: "finding lines in files: how long from the start of the program to the end of the answer, which is \
            that of jq; a quick run has days of 64 MB",
    layout: Layout::Tables,
    prepare: Some(prepare),
    workloads: &[
        Workload {
            name: "equal",
            about: "answers that are those of jq, by the SHA-256 of their lines: eleven questions about lines as they \
                    are written, sealed, both at once, and compressed by gzip and zstd",
            unit: "answers",
            better: Better::More,
            rounds: 1,
            candidates: EQUAL,
            ..QUERY
        },
        Workload {
            name: "raw",
            about: "the lines of one job in a day of 2 GB, as it is written; jq, jaq and DuckDB have 0.2 GB of it",
            unit: PER_GB,
            rounds: 7,
            candidates: RAW,
            ..QUERY
        },
        Workload {
            name: "raw_cold",
            about: "the same while nothing of the file is in memory",
            unit: PER_GB,
            candidates: RAW_COLD,
            ..QUERY
        },
        Workload {
            name: "sealed",
            about: "the lines of one job in the same day, sealed",
            rounds: 7,
            candidates: SEALED,
            ..QUERY
        },
        Workload {
            name: "month_cold",
            about: "the lines of one job in thirty sealed days while nothing of them is in memory",
            candidates: MONTH,
            ..QUERY
        },
        Workload {
            name: "gz",
            about: "the lines of one job in the same day, compressed by gzip -6",
            unit: PER_GB,
            rounds: 3,
            candidates: COMPRESSED,
            ..QUERY
        },
        Workload {
            name: "zst",
            about: "the lines of one job in the same day, compressed by zstd -3",
            unit: PER_GB,
            rounds: 3,
            candidates: COMPRESSED,
            ..QUERY
        },
        Workload {
            name: "level_errors",
            about: "all errors, one line in ninety, of the day as it is written",
            unit: PER_GB,
            candidates: ERRORS,
            ..QUERY
        },
        Workload {
            name: "level_errors_sealed",
            about: "all errors of the day, sealed",
            unit: PER_GB,
            rounds: 3,
            candidates: ERRORS_SEALED,
            ..QUERY
        },
        Workload {
            name: "newest_50",
            about: "the fifty newest lines of the day as it is written; `tail` gives the last ones of the file",
            candidates: NEWEST,
            ..QUERY
        },
        Workload {
            name: "newest_50_sealed",
            about: "the fifty newest lines of the day, sealed",
            candidates: NEWEST_SEALED,
            ..QUERY
        },
        Workload {
            name: "parse_all",
            about: "the slowest requests, by a number in `meta`, of 0.2 GB as they are written: no index knows it, and \
                    every line has it",
            unit: PER_GB,
            candidates: PARSE_ALL,
            ..QUERY
        },
    ],
};

const PER_GB: &str = "ms/GB";

/// What the workloads share.
const QUERY: Workload = Workload {
    name: "",
    about: "",
    unit: "ms",
    better: Better::Less,
    threads: 1,
    rounds: 5,
    rounds_quick: 1,
    lossless: false,
    needs: None,
    environment: &[],
    beside: false,
    candidates: &[],
};

/// What is asked at a workload, and of whom.
struct PlanOf {
    ask: Ask,
    form: Form,
    is_cold: bool,
    /// Whether the figure is for each GB of lines.
    per_gb: bool,
    tools: &'static [Tool],
}

/// Makes the candidates of a workload, and what is asked there.
macro_rules! tools {
    ($($candidates:ident $tools:ident = [$($tool:ident),* $(,)?];)*) => {$(
        const $tools: &[Tool] = &[$(Tool::$tool),*];
        const $candidates: &[Candidate] = &[$(candidate(Tool::$tool, round::run)),*];
    )*};
}

tools! {
    RAW RAW_TOOLS = [
        Radiosonde, Library, Ripgrep, RipgrepNoMmap, Grep, DuckdbContains, Duckdb, Jaq, Jq, Read,
    ];
    RAW_COLD RAW_COLD_TOOLS = [Radiosonde, Ripgrep, RipgrepNoMmap, Read];
    SEALED SEALED_TOOLS = [Radiosonde, Library, Start, RipgrepRaw, RipgrepZ, Unpacked];
    MONTH MONTH_TOOLS = [Radiosonde, Library, Start];
    COMPRESSED COMPRESSED_TOOLS = [Radiosonde, RipgrepZ, Unpacked];
    ERRORS ERRORS_TOOLS = [Radiosonde, Library, Ripgrep, Grep, Duckdb, Jaq, Jq, Read];
    ERRORS_SEALED ERRORS_SEALED_TOOLS = [Radiosonde, Library, RipgrepZ, Unpacked];
    NEWEST NEWEST_TOOLS = [Radiosonde, Library, Tail];
    NEWEST_SEALED NEWEST_SEALED_TOOLS = [Radiosonde, Library, Start];
    PARSE_ALL PARSE_ALL_TOOLS = [Radiosonde, Duckdb, Jaq, Jq];
}

const EQUAL: &[Candidate] =
    &[candidate(Tool::Radiosonde, round::equal), candidate(Tool::Library, round::equal)];

/// The forms in which every answer is shown to be the same.
const EVERYWHERE: &[Form] =
    &[Form::Slice, Form::SliceSealed, Form::SliceMixed, Form::SliceGz, Form::SliceZst];

const fn candidate(tool: Tool, run: fn(&Round) -> Result<Measured, String>) -> Candidate {
    let role = match tool {
        Tool::Radiosonde | Tool::Library => Role::Ours,
        Tool::Start | Tool::Tail => Role::Floor,
        Tool::Read => Role::Limit,
        _ => Role::Peer,
    };
    let packages: &[&str] = match tool {
        Tool::Library => &["radiosonde-store"],
        Tool::Radiosonde | Tool::Start => &["radiosonde-cli"],
        _ => &[],
    };
    Candidate { name: tool.as_str(), role, overflow: Overflow::Waits, packages, run }
}

/// What is asked at a workload with a figure.
fn plan(workload: &str) -> Option<PlanOf> {
    let (ask, form, tools) = match workload {
        "raw" => (Ask::Job, Form::Raw, RAW_TOOLS),
        "raw_cold" => (Ask::Job, Form::Raw, RAW_COLD_TOOLS),
        "sealed" => (Ask::Job, Form::Sealed, SEALED_TOOLS),
        "month_cold" => (Ask::Job, Form::Month, MONTH_TOOLS),
        "gz" => (Ask::Job, Form::Gz, COMPRESSED_TOOLS),
        "zst" => (Ask::Job, Form::Zst, COMPRESSED_TOOLS),
        "level_errors" => (Ask::Errors, Form::Raw, ERRORS_TOOLS),
        "level_errors_sealed" => (Ask::Errors, Form::Sealed, ERRORS_SEALED_TOOLS),
        "newest_50" => (Ask::Newest, Form::Raw, NEWEST_TOOLS),
        "newest_50_sealed" => (Ask::Newest, Form::Sealed, NEWEST_SEALED_TOOLS),
        "parse_all" => (Ask::Slow, Form::Slice, PARSE_ALL_TOOLS),
        _ => return None,
    };
    let per_gb = SUITE.workload(workload).is_some_and(|found| found.unit == PER_GB);
    Some(PlanOf { ask, form, is_cold: workload.ends_with("_cold"), per_gb, tools })
}

/// Finds the programs and makes the files of some workloads.
fn prepare(size: Size, workloads: &[&str]) -> Result<Prepared, String> {
    let mut prepared = Prepared::default();
    let mut forms: Vec<Form> = Vec::new();
    for name in workloads {
        let Some(PlanOf { form, tools, .. }) = plan(name) else {
            forms.extend(EVERYWHERE);
            continue;
        };
        forms.push(form);
        forms.extend(tools.iter().map(|tool| tool.form(form)));
        for tool in tools {
            if prepared.knows(tool.as_str()) {
                continue;
            }
            let versions = tool.programs(form).iter().map(|program| programs::provide(*program));
            match versions.collect::<Result<Vec<String>, String>>() {
                Ok(versions) if versions.is_empty() => {}
                Ok(versions) => prepared.versions.push((tool.as_str(), versions.join(" + "))),
                Err(why) => prepared.missing.push((tool.as_str(), why)),
            }
        }
    }
    forms.dedup();
    Data::of(size).make(&forms)?;
    Ok(prepared)
}
