//! What is left to read of a sealed file once its index was asked.

use crate::sealed::Damage;
use crate::sealed::frames::Place;
use crate::sealed::reader::{Event, Frames, Reader};

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
    /// has to go from frame to frame. For a reader from which nothing was read yet.
    pub(crate) fn into_chosen(self: Box<Self>) -> Result<Chosen, Box<Self>> {
        let Frames::Indexed { index, chosen, .. } = &self.frames else { return Err(self) };
        let is_chosen = |number: usize| chosen.get(number) == Some(&true);
        let place = |(number, frame)| Self::place(number, frame);
        let frames = || index.frames.iter().enumerate();
        let places = frames().filter(|(number, _)| is_chosen(*number)).map(place).collect();
        let skipped = frames().filter(|(number, _)| !is_chosen(*number));
        let bytes_skipped = skipped.map(|(_, frame)| frame.compressed).sum();
        let frames = index.frames.len() as u64;
        let damage = |event| match event {
            Event::Damage(damage) => Some(damage),
            Event::Overlong(_) => None,
        };
        let Self { events, bytes_read, .. } = *self;
        let damages = events.into_iter().filter_map(damage).collect();
        Ok(Chosen { places, frames, bytes_skipped, bytes_read, damages })
    }
}
