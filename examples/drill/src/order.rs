//! How the program is told to end: one letter on its stdin.

/// An end the program brings about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// `abort()`.
    Abort,
    /// `exit(7)` from a thread, without dropping anything.
    Exit,
    /// A panic in `main`: the guard is dropped while producers record.
    PanicInMain,
    /// A panic in a thread, upon which `main` exits without dropping anything.
    PanicInWorker,
    /// `main` returns; the guard is dropped while producers record.
    Return,
}

impl Order {
    const ALL: [(Self, u8); 5] = [
        (Self::Abort, b'a'),
        (Self::Exit, b'e'),
        (Self::PanicInMain, b'm'),
        (Self::PanicInWorker, b'w'),
        (Self::Return, b'r'),
    ];

    /// The order as a letter.
    #[must_use]
    pub fn letter(self) -> u8 {
        Self::ALL.into_iter().find(|(order, _)| *order == self).map_or(b'?', |(_, letter)| letter)
    }

    /// The order of a letter.
    #[must_use]
    pub fn of_letter(letter: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == letter).map(|(order, _)| order)
    }

    /// Whether the guard is dropped on the way: then the program leaves its books.
    #[must_use]
    pub fn is_orderly(self) -> bool {
        matches!(self, Self::PanicInMain | Self::Return)
    }
}
