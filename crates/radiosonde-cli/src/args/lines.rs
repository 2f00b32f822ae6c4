//! The command lines of `logs`, `events` and `tail`.

use std::path::PathBuf;

use clap::Args;

use super::Select;
use crate::outcome::Stop;
use crate::places;

#[derive(Debug, Args)]
pub(crate) struct LinesArgs {
    /// Telemetry directory, file, pattern or -, as with --dir
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    select: Select,
}

impl LinesArgs {
    /// What to look for, and in which of the directories and files.
    ///
    /// # Errors
    /// A path that is not there: it may be an id.
    pub(crate) fn select(&self) -> Result<Select, Stop> {
        let mut select = self.select.clone();
        select.dir.extend(places::alone(&self.paths)?);
        Ok(select)
    }
}
