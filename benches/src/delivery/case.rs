//! What the name of a workload says: which fault, which signal, which transport.

use crate::harness::Size;
use radiosonde_testkit::{Fault, Script};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Burst,
    DownAtExit,
    Exit,
    HangAfterBody,
    HangBeforeBody,
    Nothing,
    Refused,
    Reset,
    Short,
    SigKill,
    SigKillInOutage,
    Unavailable,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum Signal {
    Logs,
    Metrics,
    Spans,
}

/// How it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum Transport {
    Grpc,
    Http,
}

/// How events follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum Pace {
    /// As fast as they can.
    AtOnce,
    /// Eight a millisecond, one after the other; the thread waits busily in between.
    Awake,
    /// Eight a millisecond, together; the thread sleeps in between.
    Sleeping,
}

/// How a process ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum End {
    /// `std::process::exit(0)`, nothing shut down.
    Exit,
    /// Its telemetry is shut down in order.
    Shutdown,
    /// Once nobody wants it any more: its input is closed.
    WhenTold,
}

/// One cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) wrong: Wrong,
    pub(super) signal: Signal,
    pub(super) transport: Transport,
}

impl Case {
    /// Reads `fault/signal/transport`.
    pub(super) fn of(name: &str) -> Result<Case, String> {
        let unknown = || format!("`{name}` is no fault/signal/transport");
        let [wrong, signal, transport] =
            name.split('/').collect::<Vec<_>>().try_into().map_err(|_| unknown())?;
        let wrong = match wrong {
            "burst" => Wrong::Burst,
            "down_at_exit" => Wrong::DownAtExit,
            "exit" => Wrong::Exit,
            "hang_after_body" => Wrong::HangAfterBody,
            "hang_before_body" => Wrong::HangBeforeBody,
            "healthy" => Wrong::Nothing,
            "refused" => Wrong::Refused,
            "reset" => Wrong::Reset,
            "short" => Wrong::Short,
            "sigkill" => Wrong::SigKill,
            "sigkill_in_outage" => Wrong::SigKillInOutage,
            "unavailable" => Wrong::Unavailable,
            _ => return Err(unknown()),
        };
        let signal = match signal {
            "logs" => Signal::Logs,
            "metrics" => Signal::Metrics,
            "spans" => Signal::Spans,
            _ => return Err(unknown()),
        };
        let transport = match transport {
            "grpc" => Transport::Grpc,
            "http" => Transport::Http,
            _ => return Err(unknown()),
        };
        Ok(Case { wrong, signal, transport })
    }

    /// What happens when, and how much is sent.
    pub(super) fn course(self, size: Size) -> Course {
        let second = Duration::from_secs(1);
        // Of a whole run 25 s with ten of outage, as in the table this suite reproduces; a quick one
        // keeps the outage longer than the stock exporter tries.
        let scale =
            |whole_s: u32, quick_tenths: u32| size.of(second * whole_s, second * quick_tenths / 10);
        let (from, until, end) = (scale(5, 10), scale(15, 30), scale(25, 50));
        let outage = until - from;
        let milliseconds = u64::try_from(end.as_millis()).unwrap_or(u64::MAX);
        let mut course = Course {
            events: milliseconds * TOGETHER,
            pace: Pace::Sleeping,
            end: End::Shutdown,
            kills: Vec::new(),
            script: Script::healthy().during(from, Fault::Healthy),
            script_goes_on: false,
        };
        let script = course.script.clone();
        match self.wrong {
            Wrong::Nothing => course.script = Script::healthy(),
            Wrong::Refused => course.script = script.during(outage, Fault::Refuse),
            Wrong::Reset => course.script = script.during(outage, Fault::Reset),
            Wrong::HangAfterBody => course.script = script.during(outage, Fault::HangAfterBody),
            Wrong::HangBeforeBody => course.script = script.during(outage, Fault::HangBeforeBody),
            Wrong::Unavailable => {
                let fault = match self.transport {
                    Transport::Http => Fault::status_with(503, "Retry-After", "1"),
                    Transport::Grpc => Fault::grpc(UNAVAILABLE, Some(second)),
                };
                course.script = script.during(outage, fault);
            }
            Wrong::SigKill => {
                course.script = Script::healthy();
                course.kills = (1..=KILLS).map(|at| end * at / (KILLS + 1)).collect();
            }
            Wrong::SigKillInOutage => {
                course.script = script.during(outage, Fault::Refuse);
                course.kills = vec![from + outage / 2];
            }
            Wrong::Exit => {
                course.script = Script::healthy();
                course.end = End::Exit;
            }
            Wrong::Short => {
                course.script = Script::healthy();
                course.events = SHORT;
                course.end = End::Exit;
            }
            Wrong::DownAtExit => {
                let up = scale(20, 40);
                course.script =
                    Script::healthy().during(up, Fault::Healthy).until_told(Fault::Refuse);
                course.script_goes_on = true;
            }
            Wrong::Burst => {
                course.script = Script::healthy();
                course.events = size.of(BURST, BURST / 4);
                course.pace = Pace::AtOnce;
            }
        }
        course
    }
}

impl Case {
    /// How many requests may come again: the one that a process was waiting for at its death, and one that
    /// was under way when the port was closed. Unknown where requests arrive and are never answered.
    pub(super) fn repeats_max(self, course: &Course) -> Option<u32> {
        let breaks = match self.wrong {
            Wrong::HangAfterBody | Wrong::Reset => return None,
            Wrong::DownAtExit | Wrong::Refused | Wrong::SigKillInOutage => 1,
            Wrong::Burst
            | Wrong::Exit
            | Wrong::HangBeforeBody
            | Wrong::Nothing
            | Wrong::Short
            | Wrong::SigKill
            | Wrong::Unavailable => 0,
        };
        let deaths = course.kills.len() as u32 + u32::from(course.end == End::Exit);
        Some(deaths + breaks)
    }
}

/// Events that come together, each millisecond: 8,000 a second.
pub(super) const TOGETHER: u64 = 8;
/// Deaths of one run.
const KILLS: u32 = 5;
/// Events of a short program.
const SHORT: u64 = 100;
/// Events at once.
const BURST: u64 = 200_000;
/// The code of gRPC.
const UNAVAILABLE: i32 = 14;

/// The course of one cell.
#[derive(Clone, Debug)]
pub(super) struct Course {
    /// Events of all processes together.
    pub(super) events: u64,
    /// How they follow each other.
    pub(super) pace: Pace,
    /// How the last process ends.
    pub(super) end: End,
    /// When a process is killed and started again, from the first event on.
    pub(super) kills: Vec<Duration>,
    /// What the receiver does wrong, from the first event on.
    pub(super) script: Script,
    /// Whether the receiver is made well only once the process has ended.
    pub(super) script_goes_on: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_others_refused() {
        let case = Case::of("sigkill_in_outage/metrics/grpc").expect("a case");
        assert_eq!(case.wrong, Wrong::SigKillInOutage);
        assert_eq!((case.signal, case.transport), (Signal::Metrics, Transport::Grpc));
        for wrong in ["healthy", "healthy/spans", "healthy/spans/udp", "x/spans/http", "a/b/c/d"] {
            assert!(Case::of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_request_may_come_again_for_each_death_and_each_closed_port() {
        for (name, expected) in [
            ("healthy/spans/http", Some(0)),
            ("sigkill/logs/grpc", Some(5)),
            ("sigkill_in_outage/spans/http", Some(2)),
            ("short/logs/http", Some(1)),
            ("refused/metrics/http", Some(1)),
            ("reset/spans/http", None),
        ] {
            let case = Case::of(name).expect("a case");
            assert_eq!(case.repeats_max(&case.course(Size::Whole)), expected, "{name}");
        }
    }

    #[test]
    fn a_whole_run_is_the_one_of_the_table() {
        let course = |name: &str| Case::of(name).expect("a case").course(Size::Whole);
        assert_eq!(course("healthy/spans/http").events, 200_000);
        assert_eq!(course("burst/spans/http").events, 200_000);
        assert_eq!(course("short/logs/grpc").events, 100);
        let kills = course("sigkill/spans/http").kills;
        assert!(kills.len() == 5 && kills.iter().all(|at| *at < Duration::from_secs(25)));
        let second = Duration::from_secs(1);
        assert_eq!(course("sigkill_in_outage/spans/http").kills, [10 * second]);
        let script = Script::healthy().during(5 * second, Fault::Healthy);
        assert_eq!(course("refused/spans/http").script, script.during(10 * second, Fault::Refuse));
    }
}
