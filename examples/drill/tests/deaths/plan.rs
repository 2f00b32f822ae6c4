//! What is to happen to each process, drawn by chance from a seed.

use std::time::Duration;

use drill::order::Order;
use radiosonde_record::Kind;

/// How a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Death {
    Kill,
    Terminate,
    Abort,
    Exit,
    PanicInMain,
    PanicInWorker,
}

impl Death {
    pub(crate) const ALL: [Self; 6] = [
        Self::Kill,
        Self::Terminate,
        Self::Abort,
        Self::Exit,
        Self::PanicInMain,
        Self::PanicInWorker,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL",
            Self::Terminate => "SIGTERM",
            Self::Abort => "abort",
            Self::Exit => "exit",
            Self::PanicInMain => "panic in main",
            Self::PanicInWorker => "panic in a thread",
        }
    }

    /// What the program is told; the other deaths are signals.
    pub(crate) fn order(self) -> Option<Order> {
        match self {
            Self::Kill | Self::Terminate => None,
            Self::Abort => Some(Order::Abort),
            Self::Exit => Some(Order::Exit),
            Self::PanicInMain => Some(Order::PanicInMain),
            Self::PanicInWorker => Some(Order::PanicInWorker),
        }
    }
}

/// When it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) phase: Phase,
    /// So long after the phase began.
    pub(crate) after: Duration,
    /// And then in the middle of the next write.
    pub(crate) write: Option<Write>,
}

impl Moment {
    /// The batch of a recovery is the first thing the day files see, and goes through the stage of
    /// the dead.
    fn recovering(random: &mut Random, write: Option<Write>) -> Self {
        let write = write.filter(|write| write.file != Watched::Stage);
        let after = if write.is_some() { Duration::ZERO } else { random.duration(RECOVERING_MAX) };
        Self { phase: Phase::Recovering, after, write }
    }
}

/// Where a process stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has its slot, and recovers what earlier owners left.
    Recovering,
    /// All its producers have recorded.
    UnderLoad,
}

/// In the middle of the write of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) file: Watched,
    /// So long after the file was seen to change, when the batch is not in its files by then:
    /// otherwise in the next one.
    pub(crate) after: Duration,
    /// Whether the stage is asked if a batch is on its way. Otherwise the file alone tells, which
    /// misses more, and does not depend on what is under proof.
    pub(crate) asks: bool,
}

/// What is watched for a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    /// The stage, which has a batch before the day files do.
    Stage,
    /// The day file of a signal.
    DayFile(Kind),
}

/// One process from start to end.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Its service: no two are alike.
    pub(crate) service: String,
    pub(crate) death: Death,
    pub(crate) moment: Moment,
    /// Producers that never have more on the way than their ring holds.
    pub(crate) paced: usize,
    /// Producers that do not wait for anything.
    pub(crate) eager: usize,
    /// Whether its remains are recovered by hand; otherwise by whoever starts next.
    pub(crate) recovered_by_hand: bool,
    /// Whether the two processes of the directory start at the same time, both after both died.
    pub(crate) together: bool,
}

/// Lives of one process after the other between two starts of both at the same time.
const TOGETHER_EVERY: usize = 4;

impl Plan {
    /// The `number`th life of the lane.
    pub(crate) fn draw(random: &mut Random, service: String, number: usize) -> Self {
        let death = match random.below(100) {
            0..40 => Death::Kill,
            40..60 => Death::Terminate,
            60..72 => Death::Abort,
            72..84 => Death::Exit,
            84..90 => Death::PanicInMain,
            _ => Death::PanicInWorker,
        };
        let write = (random.below(6) != 0).then(|| Write::draw(random));
        let moment = match random.below(5) {
            0 => Moment::recovering(random, write),
            _ => Moment { phase: Phase::UnderLoad, after: random.duration(LOAD_MAX), write },
        };
        Self {
            service,
            death,
            moment,
            paced: 1,
            eager: 1 + random.below(3) as usize,
            recovered_by_hand: random.below(5) == 0,
            together: number % TOGETHER_EVERY == TOGETHER_EVERY - 1,
        }
    }
}

impl Write {
    fn draw(random: &mut Random) -> Self {
        let file = match random.below(5) {
            0 => Watched::Stage,
            // Most bytes are events.
            1 | 2 => Watched::DayFile(Kind::Event),
            3 => Watched::DayFile(Kind::Span),
            _ => Watched::DayFile(Kind::Metric),
        };
        let limit = if file == Watched::Stage { STAGE_MAX } else { DAY_FILE_MAX };
        // At once, for two in three, hits the first of its pages.
        let after = if random.below(3) != 0 { Duration::ZERO } else { random.duration(limit) };
        let asks = file == Watched::Stage || random.below(6) != 0;
        Self { file, after, asks }
    }
}

/// The recovery of what five rings and a stage hold takes about so long.
const RECOVERING_MAX: Duration = Duration::from_millis(20);
/// About what it takes to write a batch to its stage, and to begin with its files.
const STAGE_MAX: Duration = Duration::from_micros(300);
/// About what it takes to write it to one file, and to begin with the next.
const DAY_FILE_MAX: Duration = Duration::from_micros(100);
/// Some tens of batches.
const LOAD_MAX: Duration = Duration::from_millis(120);

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn duration(&mut self, limit: Duration) -> Duration {
        Duration::from_micros(self.below(limit.as_micros() as u64))
    }
}
