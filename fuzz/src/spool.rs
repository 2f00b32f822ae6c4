//! Files of a spool: segments and cursors, whatever is in them.

use radiosonde_spool::fuzzing;

use super::dice::Dice;

/// A segment as it stands, or a whole one with changes whose checksums are made right.
pub fn segment(data: &[u8]) {
    let mut dice = Dice(data);
    if dice.u8() % 2 == 0 {
        fuzzing::segment(dice.0);
        return;
    }
    let mut bytes = fuzzing::sample_segment(u64::from(dice.u8() % 16));
    while !dice.0.is_empty() {
        let at = dice.u64() as usize % bytes.len();
        bytes[at] = dice.u8();
        // The frame whose head this may be in.
        let frame = at.saturating_sub(usize::from(dice.u8() % 56)) / 8 * 8;
        fuzzing::mend_frame(&mut bytes, frame);
    }
    fuzzing::segment(&bytes);
}

/// The file of a cursor as it stands, or with its first checksum made right.
pub fn cursor(data: &[u8]) {
    let mut dice = Dice(data);
    let is_mended = dice.u8() % 2 == 1;
    let mut bytes = dice.0.to_vec();
    if is_mended {
        fuzzing::mend_cursor(&mut bytes);
    }
    fuzzing::cursor(&bytes);
}

/// A segment, and changes in one.
pub fn segment_seeds() -> Vec<Vec<u8>> {
    let change = [&900_u64.to_le_bytes()[..], &[7, 4]].concat();
    let whole = [&[0][..], &fuzzing::sample_segment(12)].concat();
    vec![whole, vec![0], [&[1, 9][..], &change, &change].concat()]
}

/// A slot, as it is and to be mended, and four of them.
pub fn cursor_seeds() -> Vec<Vec<u8>> {
    let slot = fuzzing::sample_cursor();
    let mut file = slot.clone();
    file.resize(4096, 0);
    let four = file.repeat(4);
    vec![
        [&[0][..], &slot].concat(),
        [&[1][..], &slot].concat(),
        [&[0][..], &four].concat(),
        vec![0],
    ]
}
