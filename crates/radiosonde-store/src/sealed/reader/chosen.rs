//! What is left to read of a sealed file once its index was asked.

use crate::sealed::Damage;
use crate::sealed::entries::Frame;
use crate::sealed::frames::Place;
use crate::sealed::reader::{Event, Frames, Reader, place};

/// The frames of a sealed file that may hold what is wanted, in their order.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) places: Vec<Place>,
    /// How many frames there are.
    pub(crate) frames: u64,
    /// Of the frames that were left out, as they are stored.
    pub(crate) bytes_skipped: u64,
    /// Of the index.
    pub(crate) bytes_read: u64,
    /// What is wrong with the index.
    pub(crate) damages: Vec<Damage>,
}

impl Reader {
    /// The frames that were chosen, where there is an index that can be used; else the reader, which
    /// has to go from frame to frame. For a reader that was narrowed and from which nothing was read yet.
    pub(crate) fn into_chosen(self: Box<Self>) -> Result<Chosen, Box<Self>> {
        let (places, frames, bytes_skipped) = match &self.frames {
            Frames::Indexed { index, chosen, .. } => {
                let frames = || index.frames.iter().zip(chosen).enumerate();
                let is_chosen = |(_, (_, chosen)): &(usize, (&Frame, &bool))| **chosen;
                let places = frames().filter(is_chosen);
                let place = |(number, (frame, _))| place(number, frame, &index.totals);
                let places: Vec<_> = places.map(place).collect();
                let skipped = frames().filter(|frame| !is_chosen(frame));
                let bytes_skipped = skipped.map(|(_, (frame, _))| frame.compressed).sum();
                (places, index.frames.len() as u64, bytes_skipped)
            }
            Frames::Nothing => (Vec::new(), self.frames_skipped, self.bytes_skipped),
            Frames::Opened(_) | Frames::Walked(_) => return Err(self),
        };
        let damage = |event| match event {
            Event::Damage(damage) => Some(damage),
            Event::Overlong(_) => None,
        };
        let Self { events, bytes_read, .. } = *self;
        let damages = events.into_iter().filter_map(damage).collect();
        Ok(Chosen { places, frames, bytes_skipped, bytes_read, damages })
    }
}
