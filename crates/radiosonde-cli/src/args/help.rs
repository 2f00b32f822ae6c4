//! The examples and explanations of long help.

/// Text of a help, whose paragraphs are written on several lines here: one each for clap, which breaks
/// them where the terminal ends. Indented lines stay as they are.
pub(super) fn flowing(text: &str) -> String {
    let mut flowing = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        flowing.push_str(line);
        let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
        match lines.peek() {
            Some(next) if is_prose(line) && is_prose(next) => flowing.push(' '),
            Some(_) => flowing.push('\n'),
            None => {}
        }
    }
    flowing
}

pub(super) const START_HERE: &str = "Start with:
  radiosonde logs --since 1h --level warning   what went wrong in the last hour
  radiosonde correlate --job JOB               everything about one job

`radiosonde help COMMAND` shows examples of each command.";

pub(super) const LOGS: &str = "Every option --NAME can be set as RADIOSONDE_CLI_NAME, but for --dir, which is RADIOSONDE_DIR, and
--json. In CSV, a text that a spreadsheet would take for a formula has a ' in front.

Examples:
  radiosonde logs                                       everything, oldest first
  radiosonde logs -n 50                                 the newest 50 lines
  radiosonde logs --job job-7 --level warning           what went wrong in a job
  radiosonde logs --since yesterday --until yesterday   all of yesterday
  radiosonde logs --evt panic --since 7d                panics of the last week
  radiosonde logs --where 'status>=400' 'code~=rate.*'  by the fields of lines
  radiosonde logs --where '!job_id?' 'level>=error'     errors outside of any job
  radiosonde logs -f --tail 20 -l warning               the newest 20, and what comes
  radiosonde logs -o table --field ts,status,msg        some fields, below each other
  radiosonde logs -o csv > lines.csv                    for a spreadsheet
  radiosonde logs -o json | jq -r .msg                  for other programs";

pub(super) const TAIL: &str =
    "Begins with the newest 10 lines, or as --tail says, or with all from --since on. Goes on
through midnight, full files, sealing and restarts, and waits for a directory that is
not there yet. Ctrl-C ends it, with status 3 when a file went before it was read,
and 130 when it had found nothing so far in what was there and was not through.

Examples:
  radiosonde tail                               what happens now
  radiosonde tail --level warning --tail 0      only what goes wrong from now on
  radiosonde tail --job job-7 --since 1h        a job, from an hour ago
  radiosonde tail -o json | jq -c '[.ts, .msg]' for other programs";

pub(super) const EVENTS: &str = "Examples:
  radiosonde events --evt user.action --since 1d     who did what
  radiosonde events --where 'amount>100'             by the fields of events
  radiosonde events --job job-7 -o json | jq .meta   the fields of its events";

pub(super) const TRACE: &str =
    "Shows spans, and the events inside them that are warnings or worse; --level
decides otherwise. A span whose line is not there (still running, not sampled, or
kept by another service) is shown as \"(missing span …)\"; one that was open when
its process died has a bar of ▒ and no end; one that was given up is called
cancelled. → names what a span links to, ← which other traces link to it. What is
left out, lines below the level or sizes and ports of requests, is said at the end.

◆ marks the critical path: walked back from the end, the child that finished last,
what it waited for before that, and so on; a span that goes on behind its parent is
on it where it decided the end. Of many alike below one span three are shown, and
the others counted, of all rows the first 1,000: --all shows them. Bars stand where
the clocks of their machines say; clocks that differ are told at the end.
Runs are told apart as `radiosonde help correlate` says.

Examples:
  radiosonde trace 0edadbc0                 by the first digits of the id
  radiosonde trace 00-0edadbc0a1b2c3d4e5f60718293a4b5c-00f067aa0ba902b7-01
  radiosonde trace 0edadbc0 --level trace   with every log line and event
  radiosonde trace --job job-7              all traces of a job";

pub(super) const METRICS: &str =
    "Without an id: the latest snapshot of each series, and a picture of how it went: of counters
the rate, of distributions the mean. A counter that began anew has not fallen. Quantiles are those
of histogram_quantile in Prometheus; `>` says that one lies behind the last bucket. What a first
snapshot has is growth since the start of its process, where process_start_time_seconds tells that, or
since the snapshot before; otherwise it is told as what was there before. With --since
the growth since then stands in brackets, and distributions are told of that time alone. With --job,
--trace, --worker or --session: what was recorded under that id, summed for each series.

Examples:
  radiosonde metrics                             the latest values
  radiosonde metrics runs '*_seconds'            of metrics called so
  radiosonde metrics --job job-7                 what one job changed
  radiosonde metrics -o json | jq '.meta.name'   the lines they come from
  radiosonde metrics --prometheus http://127.0.0.1:9090 runs_total --since 6h";

pub(super) const CORRELATE: &str =
    "One timeline of all four signals: spans with bars, and log lines, events and
metric changes at their place in time; then the sums for each metric. Needs at
least one of --job, --trace, --session, --worker, --machine. Above it stands what
happened (the named events), where the time went (◆, see `radiosonde help trace`),
what failed first, and where to look next. Where it is from several services or
machines, each row names its own.

A job id that came back has several runs, each shown with its own time and sums,
the newest last. One run is what shares a trace, overlaps in time, or follows
within 10 s: within 1 s where another process of the same service goes on, and
within 5 min in one process that does not trace. Spans of other jobs are left
out; those below spans of the job are counted at the end.

Examples:
  radiosonde correlate --job job-7                a job's last 3 runs
  radiosonde correlate --job job-7 --run 1        its first run
  radiosonde correlate --trace 0edadbc0           of a trace
  radiosonde correlate --session s-1 --since 1h   of a session, lately
  radiosonde correlate --job job-7 -o json        all its lines, by time";

pub(super) const RECOVER: &str =
    "A process that was killed leaves its last records in memory files. The next
start of the service brings them into the day files; this command does it now.
It can be repeated and interrupted: every record appears once. Processes that
run are left alone.

Exit status: 0 something was recovered, 1 there was nothing, 2 usage, or a directory
that does not exist, 3 some of it could not be.

Examples:
  radiosonde recover                                where telemetry usually is
  radiosonde recover --dir /var/lib/svc/telemetry   in one directory";

pub(super) const REMOVED: &str =
    "Every removal stands in a ledger, inst/<slot>/removed.jsonl, with the lines and bytes
that went. Rules: age (retention_days), files (retention_files), bytes
(retention_bytes). A ledger that has become long is replaced by its sums: their
rows have no time, and are left out with --since and --until.

Exit status: 0 something was removed, 1 nothing was, 2 usage, or a directory
that does not exist, 3 some of a ledger could not be read.

Examples:
  radiosonde removed                         everything, oldest first
  radiosonde removed --since 7d              in the last week
  radiosonde removed -o json | jq -r .file   for other programs";

pub(super) const OPS: &str = "Examples:
  radiosonde ops check                         faults of ./registry.json
  radiosonde ops diff old.json registry.json   what changed, and breaks";

pub(super) const COMPLETIONS: &str = "Examples:
  radiosonde completions bash \\
    > ~/.local/share/bash-completion/completions/radiosonde
  radiosonde completions zsh > ~/.zfunc/_radiosonde     with ~/.zfunc in $fpath
  radiosonde completions fish > ~/.config/fish/completions/radiosonde.fish";

pub(super) const MAN: &str = "One page for the command and all its subcommands.

Examples:
  radiosonde man | man -l -                  read it
  radiosonde man > radiosonde.1              keep it";
