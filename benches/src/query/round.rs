//! One round of a candidate: asked, timed, and its answer compared.

use super::ask::Ask;
use super::data::Data;
use super::measure::{self, Spent};
use super::reference::{self, Shape};
use super::tools::{Looked, Task, Tool};
use super::{EVERYWHERE, PlanOf, plan};
use crate::harness::{Measured, Round, stats};

/// A round asks again until that much time has passed: what takes milliseconds has a median of its own.
const ROUND_MS: f64 = 400.0;
/// It asks so often at most, warm and cold.
const ASKS_MAX: usize = 15;
const ASKS_COLD: usize = 3;
/// Of what answers faster than this, the first answer is not counted: it pays for loading the program.
const QUICK_MS: f64 = 100.0;
/// Where nothing of the files is to be in memory, at least this much comes from the disk: the end of an
/// index, or the beginning of a file.
const LEAST_COLD_BYTES: f64 = 4096.0;
const MEBIBYTE: f64 = 1_048_576.0;

/// What came of asking again and again.
struct Asked {
    counted: Vec<Spent>,
    rss_max_bytes: f64,
    lines: u64,
    looked: Looked,
}

/// One round of a workload with a figure.
pub(super) fn run(round: &Round) -> Result<Measured, String> {
    let data = Data::of(round.size);
    let [_, workload, candidate] = &round.names;
    let PlanOf { ask, form, is_cold, per_gb, tools } = plan(workload).ok_or("no such workload")?;
    let tool = tools.iter().find(|tool| tool.as_str() == candidate).ok_or("no such candidate")?;
    let task = Task { ask, form: tool.form(form), data: &data, subject: &data.subject()? };
    let asked = again_and_again(*tool, &task, is_cold, round)
        .map_err(|wrong| format!("{candidate} at {workload}: {wrong}"))?;
    let gigabytes = data.line_bytes(task.form)? as f64 / 1e9;
    let unit = if per_gb { gigabytes } else { 1.0 };
    let median = |of: fn(&Spent) -> f64| {
        let figures: Vec<f64> = asked.counted.iter().map(of).collect();
        stats::median(&figures).unwrap_or_default()
    };
    let mut figures = vec![
        ("cpu_ms", median(|spent| spent.cpu_ms) / unit),
        ("gb", gigabytes),
        ("lines", asked.lines as f64),
    ];
    // What has ended before it was looked at has none.
    figures.extend((asked.rss_max_bytes > 0.0).then_some(("rss_max_bytes", asked.rss_max_bytes)));
    if is_cold {
        figures.push(("disk_mib", median(|spent| spent.disk_bytes) / MEBIBYTE));
    }
    if *tool == Tool::Library {
        let read = asked.looked.bytes_read as f64;
        let stored = data.stored_bytes(task.form)? as f64;
        figures
            .extend([("read_mib", read / MEBIBYTE), ("skipped_%", (1.0 - read / stored) * 100.0)]);
        let [frames, skipped] = asked.looked.frames.map(|frames| frames as f64);
        if frames + skipped > 0.0 {
            figures.push(("frames_skipped_%", skipped / (frames + skipped) * 100.0));
        }
    }
    let samples = asked.counted.iter().map(|spent| spent.wall_ms / unit).collect();
    Ok(Measured { samples, figures, ..Measured::default() })
}

/// Asks until there are enough figures, and compares each answer.
fn again_and_again(
    tool: Tool,
    task: &Task<'_>,
    is_cold: bool,
    round: &Round,
) -> Result<Asked, String> {
    let files = task.data.files(task.form)?;
    if !is_cold {
        measure::read(&files)?;
    }
    let output = round.folder.join("output");
    let (counted, looked) = (Vec::new(), Looked::default());
    let mut asked = Asked { counted, rss_max_bytes: 0.0, lines: 0, looked };
    let most = if is_cold { ASKS_COLD } else { ASKS_MAX };
    for number in 0..=most {
        if is_cold {
            measure::forget(&files)?;
        }
        let (spent, looked) = tool.answer(task, &output, number == 0)?;
        asked.looked = looked;
        if number == 0 {
            asked.rss_max_bytes = spent.rss_max_bytes;
        }
        if is_cold && tool != Tool::Start && spent.disk_bytes < LEAST_COLD_BYTES {
            return Err("the system did not forget the files: no cold figures here".into());
        }
        if let Some(shape) = tool.shape() {
            let expected = task.data.expected(task.form);
            asked.lines = reference::compare(&output, shape, &expected, task.ask)?;
        }
        if number > 0 || is_cold || spent.wall_ms > QUICK_MS {
            asked.counted.push(spent);
        }
        let passed: f64 = asked.counted.iter().map(|spent| spent.wall_ms).sum();
        if asked.counted.len() >= most || passed > ROUND_MS && !is_cold {
            break;
        }
    }
    Ok(asked)
}

/// One round of the workload that only compares: each question about each form.
pub(super) fn equal(round: &Round) -> Result<Measured, String> {
    let data = Data::of(round.size);
    let subject = data.subject()?;
    let tool = match round.candidate.name {
        "radiosonde-library" => Tool::Library,
        _ => Tool::Radiosonde,
    };
    let output = round.folder.join("output");
    let (mut equal, mut lines, mut wrong) = (0_u32, 0, Vec::new());
    for form in EVERYWHERE {
        for ask in Ask::ALL {
            if tool == Tool::Library && ask.query(&subject, data.place(*form)).is_none() {
                continue;
            }
            let task = Task { ask, form: *form, data: &data, subject: &subject };
            let compared = tool.answer(&task, &output, false).and_then(|_| {
                reference::compare(&output, Shape::LinesByTime, &data.expected(*form), ask)
            });
            match compared {
                Ok(count) => (equal, lines) = (equal + 1, lines + count),
                Err(error) => wrong.push(format!("{}: {error}", form.as_str())),
            }
        }
    }
    if wrong.is_empty() {
        let figures = vec![("forms", EVERYWHERE.len() as f64), ("lines", lines as f64)];
        return Ok(Measured { samples: vec![f64::from(equal)], figures, ..Measured::default() });
    }
    Err(format!("{equal} answers are those of jq, {} are not:\n{}", wrong.len(), wrong.join("\n")))
}
