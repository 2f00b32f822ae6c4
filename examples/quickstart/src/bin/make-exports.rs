//! Writes the committed data set: three exports of a month and the providers' own ledger.
//!
//! `cargo run -p quickstart --bin make-exports -- <folder>`; the same bytes every time, everywhere.
//! The faults are on purpose: days without rows, duplicate rows, and malformed rows of every kind
//! the service knows. The ledger has the true figures, so that each fault shows as a variance.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::{fs, io};

use jiff::civil::{Date, date};
use quickstart::random::Random;
use quickstart::usage::{COLUMNS, MODELS, Provider};

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: make-exports <folder>");
        return ExitCode::from(2);
    };
    match write_all(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", Path::new(&folder).display());
            ExitCode::FAILURE
        }
    }
}

fn write_all(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut ledger = Ledger::new();
    for provider in Provider::ALL {
        let rows = Month::new(provider).rows(&mut ledger);
        let (file, text) = match provider {
            Provider::Acme => ("acme-2026-09.csv", csv(&rows)),
            Provider::Globex => ("globex-2026-09.jsonl", json_lines(&rows)),
            _ => ("initech-2026-09.json", json_array(&rows)),
        };
        fs::write(folder.join(file), text)?;
    }
    fs::write(folder.join("ledger.json"), ledger_json(&ledger))
}

/// Provider, day: rows, micro-dollars.
type Ledger = BTreeMap<(Provider, Date), (u64, u64)>;

/// One exported row, its cells as text; the fault decides how the form writes them.
#[derive(Clone)]
struct Row {
    cells: [String; COLUMNS.len()],
    fault: Option<Fault>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Fault {
    BadNumber,
    BadWindow,
    DecimalComma,
    Emoji,
    Missing,
    Negative,
    NotANumber,
    Nul,
    Truncated,
    UnknownModel,
}

const FAULTS: [Fault; 10] = [
    Fault::BadNumber,
    Fault::Negative,
    Fault::UnknownModel,
    Fault::Missing,
    Fault::Nul,
    Fault::Truncated,
    Fault::DecimalComma,
    Fault::Emoji,
    Fault::NotANumber,
    Fault::BadWindow,
];

/// The generator of one provider's month.
struct Month {
    provider: Provider,
    random: Random,
    faults: usize,
}

impl Month {
    fn new(provider: Provider) -> Self {
        Self { provider, random: Random::new(SEED ^ provider as u64), faults: provider as usize }
    }

    fn rows(&mut self, ledger: &mut Ledger) -> Vec<Row> {
        let mut rows = Vec::new();
        for day in 1..=30 {
            let day = date(2026, 9, day);
            let count = 40 + self.random.below(15);
            let mut day_rows = Vec::new();
            for number in 0..count {
                let (mut row, cost) = self.row(day, number);
                let entry = ledger.entry((self.provider, day)).or_default();
                *entry = (entry.0 + 1, entry.1 + cost);
                // The provider's export lost a sixth of this day; its invoice did not.
                let lost = (self.provider, day) == SHORT_DAY && number % 6 == 0;
                if (self.provider, day, number) == SPOILT_ROW {
                    spoil(&mut row, Fault::Negative);
                    day_rows.push(row);
                } else if !lost {
                    self.export(row, &mut day_rows);
                }
            }
            if !is_gap(self.provider, day) {
                rows.append(&mut day_rows);
            }
        }
        rows
    }

    fn row(&mut self, day: Date, number: u64) -> (Row, u64) {
        let (model, input_price, output_price) = MODELS[self.random.below(5) as usize];
        let requests = 1 + self.random.below(400);
        let input = requests * (50 + self.random.below(1_500));
        let output = if output_price == 0 { 0 } else { requests * self.random.below(600) };
        let cost = (input * input_price + output * output_price) / 1_000;
        let provider = self.provider.as_str();
        let key = KEYS[self.random.below(5) as usize];
        let cells = [
            format!("{provider}-{:02}{:02}-{number:03}", day.month(), day.day()),
            provider.to_owned(),
            day.to_string(),
            format!("key_{key}"),
            model.to_owned(),
            requests.to_string(),
            input.to_string(),
            output.to_string(),
            format!("{}.{:06}", cost / 1_000_000, cost % 1_000_000),
        ];
        (Row { cells, fault: None }, cost)
    }

    fn export(&mut self, mut row: Row, rows: &mut Vec<Row>) {
        match self.random.below(1_000) {
            0..12 => {
                spoil(&mut row, FAULTS[self.faults % FAULTS.len()]);
                self.faults += 1;
                rows.push(row);
            }
            12..37 => {
                rows.push(row.clone());
                rows.push(row);
            }
            _ => rows.push(row),
        }
    }
}

fn spoil(row: &mut Row, fault: Fault) {
    row.fault = Some(fault);
    match fault {
        Fault::BadNumber => row.cells[REQUESTS] = "n/a".to_owned(),
        Fault::BadWindow => row.cells[WINDOW_START] = "2026-09-31".to_owned(),
        Fault::DecimalComma => row.cells[COST_USD] = row.cells[COST_USD].replace('.', ","),
        Fault::Emoji => row.cells[KEY_ID].push_str("_🎈"),
        Fault::Negative => row.cells[COST_USD].insert(0, '-'),
        Fault::NotANumber => row.cells[COST_USD] = "NaN".to_owned(),
        Fault::Nul => row.cells[KEY_ID].push_str("\0\u{1b}[31m"),
        Fault::UnknownModel => row.cells[MODEL] = "atlas-xxl-preview".to_owned(),
        Fault::Missing | Fault::Truncated => {}
    }
}

fn csv(rows: &[Row]) -> String {
    let mut text = COLUMNS.join(",") + "\n";
    for row in rows {
        let kept = match row.fault {
            Some(Fault::Missing) => COST_USD,
            Some(Fault::Truncated) => MODEL,
            _ => COLUMNS.len(),
        };
        let cells = row.cells[..kept]
            .iter()
            .map(|cell| if cell.contains(',') { format!("\"{cell}\"") } else { cell.clone() });
        text += &cells.collect::<Vec<_>>().join(",");
        text.push('\n');
    }
    text
}

fn json_lines(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let object = object(row);
        let cut = if row.fault == Some(Fault::Truncated) { 70 } else { object.len() };
        text += &object[..cut];
        text.push('\n');
    }
    text
}

fn json_array(rows: &[Row]) -> String {
    let objects: Vec<_> = rows
        .iter()
        .map(|row| match row.fault {
            // A cut inside an array would end the file; here the row is of another type.
            Some(Fault::Truncated) => "null".to_owned(),
            _ => object(row),
        })
        .collect();
    format!("[\n{}\n]\n", objects.join(",\n"))
}

fn object(row: &Row) -> String {
    let mut text = String::from("{");
    for (index, (column, cell)) in COLUMNS.iter().zip(&row.cells).enumerate() {
        if row.fault == Some(Fault::Missing) && index == KEY_ID {
            continue;
        }
        let number = index >= REQUESTS && cell.parse::<f64>().is_ok_and(f64::is_finite);
        let value = if number { cell.clone() } else { serde_json::json!(cell).to_string() };
        let comma = if index == 0 { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}\"{column}\":{value}");
    }
    text + "}"
}

fn ledger_json(ledger: &Ledger) -> String {
    let mut text = String::from("{\n");
    for (index, ((provider, day), (rows, micros))) in ledger.iter().enumerate() {
        let comma = if index == 0 { "" } else { ",\n" };
        let _ = write!(
            text,
            "{comma}\"{provider}/{day}\":{{\"rows\":{rows},\"cost_usd\":{}.{:06}}}",
            micros / 1_000_000,
            micros % 1_000_000
        );
    }
    text + "\n}\n"
}

fn is_gap(provider: Provider, day: Date) -> bool {
    let days: &[i8] = match provider {
        Provider::Acme => &[7, 26],
        Provider::Globex => &[11, 12],
        _ => &[1, 18, 30],
    };
    days.contains(&day.day())
}

const SEED: u64 = 0x5a4d_1e00_2026_0900;
const SHORT_DAY: (Provider, Date) = (Provider::Globex, date(2026, 9, 23));
/// In the window that fails for good and has duplicates too: one job that shows all there is.
const SPOILT_ROW: (Provider, Date, u64) = (Provider::Globex, date(2026, 9, 14), 17);
const KEYS: [&str; 5] = ["batch", "chat", "evals", "ops", "search"];
const WINDOW_START: usize = 2;
const KEY_ID: usize = 3;
const MODEL: usize = 4;
const REQUESTS: usize = 5;
const COST_USD: usize = 8;
