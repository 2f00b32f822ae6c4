//! What of a question came from the environment, where nobody sees it.

use std::cell::RefCell;

thread_local! {
    /// `RADIOSONDE_CLI_LEVEL=error`, for each option of the run that has its value from there.
    static VARIABLES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Begins a run of the command.
pub(crate) fn begin(variables: Vec<String>) {
    VARIABLES.replace(variables);
}

/// `RADIOSONDE_CLI_LEVEL=error and RADIOSONDE_CLI_JOB=x`. `None` where nothing is from the environment.
pub(crate) fn told() -> Option<String> {
    let narrows = |variable: &&String| ![LIMIT, FOLLOW].iter().any(|own| variable.starts_with(own));
    let told = VARIABLES.with_borrow(|variables| {
        variables.iter().filter(narrows).cloned().collect::<Vec<_>>().join(" and ")
    });
    (!told.is_empty()).then_some(told)
}

/// Says so below what would look like all there is: a story, or figures.
pub(crate) fn say() {
    if let Some(told) = told() {
        eprintln!("radiosonde: only what fits {told}, out of the environment");
    }
}

/// `RADIOSONDE_CLI_LIMIT=5`, where the limit is from there.
pub(crate) fn limit() -> Option<String> {
    let is_it = |variable: &&String| variable.starts_with(LIMIT);
    VARIABLES.with_borrow(|variables| variables.iter().find(is_it).cloned())
}

/// `RADIOSONDE_CLI_FOLLOW=1`, where following is from there.
pub(crate) fn follow() -> Option<String> {
    let is_it = |variable: &&String| variable.starts_with(FOLLOW);
    VARIABLES.with_borrow(|variables| variables.iter().find(is_it).cloned())
}

/// It leaves nothing out.
const FOLLOW: &str = "RADIOSONDE_CLI_FOLLOW=";
/// It leaves nothing out where there is nothing.
const LIMIT: &str = "RADIOSONDE_CLI_LIMIT=";
