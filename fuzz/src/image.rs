//! Ring files and call site files made of the bytes of an input: with magic, lengths and checks in
//! order, since an input that stops at those finds nothing.

use radiosonde_record::fuzzing;

use super::dice::Dice;

const HEADER_SIZE: usize = 4096;
const HEAD_AT: usize = 128;
const BUSY_AT: usize = 136;
const ACCEPTED_AT: usize = 144;
const TAIL_AT: usize = 3072;
/// The bit that makes a length that of bytes to be passed over.
const FILLER: u32 = 1 << 31;
/// The smallest record: header and trailer.
const RECORD_MIN: usize = 48;

/// How a piece of an input becomes part of a ring. The number is the piece's first byte, modulo 4.
pub const SEALED: u8 = 0;
/// With its length in order, but not its check.
pub const UNSEALED: u8 = 1;
/// As it stands.
pub const RAW: u8 = 2;
// 3 is a filler up to the end of the ring.

/// A ring file and a call site file.
#[derive(Debug)]
pub struct Files {
    /// The ring.
    pub ring: Vec<u8>,
    /// The call sites its records name.
    pub callsites: Vec<u8>,
}

/// Reads an input: call sites first, then the ring.
pub fn files(dice: &mut Dice<'_>) -> Files {
    let callsites = callsites(dice);
    let ring = if dice.u8() % 8 == 7 { raw_ring(dice) } else { ring(dice) };
    Files { ring, callsites }
}

/// A file of call sites: a count, and of each its bytes; the checksums are made right.
pub fn callsites(dice: &mut Dice<'_>) -> Vec<u8> {
    let mut file = b"RSNDSIT1".to_vec();
    for _ in 0..dice.u8() % 16 {
        let bytes = dice.counted();
        file.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        file.extend_from_slice(&fuzzing::checksum(bytes).to_le_bytes());
        file.extend_from_slice(bytes);
        file.resize(file.len().next_multiple_of(8), 0);
    }
    file
}

/// A table of open spans up to its last slot that is not empty: heartbeat, names of blocks, slots.
pub fn open_spans(dice: &mut Dice<'_>) -> Vec<u8> {
    const BLOCK: usize = 64;
    const SLOTS_BEGIN: usize = HEADER_SIZE + 512 * BLOCK;
    const SLOT: usize = 192;
    let mut file = b"RSNDOPN1".to_vec();
    file.resize(SLOTS_BEGIN, 0);
    put(&mut file, 8, 1);
    put(&mut file, 16, 8192);
    put(&mut file, 128, dice.u64());
    for block in 0..usize::from(dice.u8() % 4) {
        let name = dice.counted();
        let length = name.len().min(BLOCK - 8);
        let at = HEADER_SIZE + block * BLOCK;
        put(&mut file, at, u64::from(dice.u8() % 4));
        file[at + 8..at + 8 + length].copy_from_slice(&name[..length]);
    }
    while !dice.is_empty() && file.len() < SLOTS_BEGIN + 64 * SLOT {
        let words = dice.counted();
        let at = file.len();
        file.resize(at + SLOT, 0);
        let length = words.len().min(SLOT);
        file[at..at + length].copy_from_slice(&words[..length]);
    }
    file
}

/// A file whose header is right up to the positions, and nothing else.
fn raw_ring(dice: &mut Dice<'_>) -> Vec<u8> {
    let capacity = 4096;
    let mut file = header(capacity, dice.u32());
    put(&mut file, HEAD_AT, dice.u64());
    put(&mut file, TAIL_AT, dice.u64());
    put(&mut file, BUSY_AT, dice.u64());
    let data = dice.bytes(capacity as usize);
    file[HEADER_SIZE..][..data.len()].copy_from_slice(data);
    file
}

/// A ring with records one behind the other, as far as there is room.
fn ring(dice: &mut Dice<'_>) -> Vec<u8> {
    let capacity = 4096_usize << (dice.u8() % 3);
    let mut file = header(capacity as u32, dice.u32());
    let tail = u64::from(dice.u32()) << (dice.u8() % 32) & !7;
    let (busy, accepted) = (dice.u64(), dice.u8());
    let mut head = tail;
    let mut count = 0;
    while !dice.is_empty() {
        let how = dice.u8() % 4;
        let room = capacity - (head - tail) as usize;
        let place = head as usize % capacity;
        let to_end = (capacity - place).min(room);
        let piece = match how {
            3 => filler(to_end),
            _ => piece(how, dice.counted(), count),
        };
        if piece.len() > room {
            break;
        }
        let mut at = place;
        if piece.len() > to_end {
            put_bytes(&mut file, at, &(to_end as u32 | FILLER).to_le_bytes());
            head += to_end as u64;
            at = 0;
        }
        if piece.len() > capacity - (head - tail) as usize {
            break;
        }
        put_bytes(&mut file, at, &piece);
        head += piece.len() as u64;
        count += 1;
    }
    put(&mut file, HEAD_AT, head);
    put(&mut file, TAIL_AT, tail);
    put(&mut file, BUSY_AT, busy);
    put(&mut file, ACCEPTED_AT, count.wrapping_add(u64::from(accepted)));
    file
}

fn filler(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    if let Some(word) = bytes.first_chunk_mut() {
        *word = (length as u32 | FILLER).to_le_bytes();
    }
    bytes
}

fn piece(how: u8, bytes: &[u8], count: u64) -> Vec<u8> {
    let mut piece = bytes.to_vec();
    match how {
        RAW => piece.resize(piece.len().next_multiple_of(8), 0),
        _ => lengthen(&mut piece),
    }
    if how == SEALED {
        fuzzing::seal(&mut piece, count, count + 1);
    }
    piece
}

/// Pads bytes to the size of a record, and writes its length into them.
pub fn lengthen(record: &mut Vec<u8>) {
    record.resize(record.len().max(RECORD_MIN).next_multiple_of(8), 0);
    let length = (record.len() as u32).to_le_bytes();
    record[..4].copy_from_slice(&length);
}

fn header(capacity: u32, number: u32) -> Vec<u8> {
    let mut file = vec![0; HEADER_SIZE + capacity as usize];
    file[..8].copy_from_slice(b"RSNDRNG2");
    file[8..12].copy_from_slice(&2_u32.to_le_bytes());
    file[12..16].copy_from_slice(&capacity.to_le_bytes());
    file[16..20].copy_from_slice(&number.to_le_bytes());
    file
}

fn put(file: &mut [u8], at: usize, value: u64) {
    file[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn put_bytes(file: &mut [u8], place: usize, bytes: &[u8]) {
    file[HEADER_SIZE + place..][..bytes.len()].copy_from_slice(bytes);
}
