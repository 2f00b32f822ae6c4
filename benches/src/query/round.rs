//! One round of a candidate: asked, timed, and its answer compared.

use super::ask::Ask;
use super::data::Data;
use super::measure::{self, Spent};
use super::reference;
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
/// The least share of the bytes, as the program itself counts what it reads, that must come from the disk
/// where nothing of the files is to be in memory.
const COLD_SHARE: f64 = 0.5;

/// One round of a workload with a figure.
pub(super) fn run(round: &Round) -> Result<Measured, String> {
    let data = Data::of(round.size);
    let [_, workload, candidate] = &round.names;
    let PlanOf { ask, form, is_cold, per_gb, tools } = plan(workload).ok_or("no such workload")?;
    let tool = tools.iter().find(|tool| tool.as_str() == candidate).ok_or("no such candidate")?;
    let task = Task { ask, form: tool.form(form), data: &data, subject: &data.subject()? };
    let files = data.files(task.form)?;
    let bytes = data.line_bytes(task.form)?;
    if !is_cold {
        measure::read(&files)?;
    }
    let output = round.folder.join("output");
    let mut all: Vec<Spent> = Vec::new();
    let (mut rss, mut lines, mut looked) = (0.0, 0, Looked::default());
    let most = if is_cold { ASKS_COLD } else { ASKS_MAX };
    for number in 0..=most {
        if is_cold {
            measure::forget(&files)?;
        }
        let (spent, found) = tool.answer(&task, &output, number == 0)?;
        looked = found;
        if number == 0 {
            rss = spent.rss_max_bytes;
        }
        if let Some(shape) = tool.shape() {
            lines = reference::compare(&output, shape, &data.expected(task.form), ask)
                .map_err(|wrong| format!("{candidate} at {workload}: {wrong}"))?;
        }
        if is_cold && tool.shape().is_some() && spent.disk_bytes < 4096.0 {
            return Err("the system did not forget the files: no cold figures here".into());
        }
        if number > 0 || is_cold || spent.wall_ms > QUICK_MS {
            all.push(spent);
        }
        let passed: f64 = all.iter().map(|spent| spent.wall_ms).sum();
        if all.len() >= most || passed > ROUND_MS && !is_cold {
            break;
        }
    }
    if is_cold && *tool == Tool::Read {
        let least = data.stored_bytes(task.form)? as f64 * COLD_SHARE;
        if all.iter().any(|spent| spent.disk_bytes < least) {
            return Err("the system did not forget the files: no cold figures here".into());
        }
    }
    let gigabytes = bytes as f64 / 1e9;
    let unit = if per_gb { gigabytes } else { 1.0 };
    let median = |of: fn(&Spent) -> f64| {
        let figures: Vec<f64> = all.iter().map(of).collect();
        stats::median(&figures).unwrap_or_default()
    };
    let mut figures = vec![
        ("cpu_ms", median(|spent| spent.cpu_ms) / unit),
        ("rss_max_bytes", rss),
        ("gb", gigabytes),
        ("lines", lines as f64),
    ];
    if is_cold {
        figures.push(("disk_mib", median(|spent| spent.disk_bytes) / 1_048_576.0));
    }
    if *tool == Tool::Library {
        let [read, skipped] = looked.frames.map(|frames| frames as f64);
        figures.push(("read_mib", looked.bytes_read as f64 / 1_048_576.0));
        let stored = data.stored_bytes(task.form)? as f64;
        figures.push(("skipped_%", (1.0 - looked.bytes_read as f64 / stored) * 100.0));
        if read + skipped > 0.0 {
            figures.push(("frames_skipped_%", skipped / (read + skipped) * 100.0));
        }
    }
    let samples = all.iter().map(|spent| spent.wall_ms / unit).collect();
    Ok(Measured { samples, figures, ..Measured::default() })
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
                reference::compare(
                    &output,
                    super::reference::Shape::LinesByTime,
                    &data.expected(*form),
                    ask,
                )
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
