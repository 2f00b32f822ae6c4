//! Stage files made of the bytes of an input, with their checksums in order.

use radiosonde_record::fuzzing;

use super::dice::Dice;

/// Where the heads of a batch begin.
const HEADS_AT: usize = 4096;
/// Where the lines begin in files that are made here.
const LINES_AT: usize = 64 * 1024;

/// How the rest of an input becomes a stage. The number is its first byte, modulo 4.
pub const BUILT: u8 = 0;
/// The same, of the version before, which knew no exports.
pub const BUILT_BEFORE: u8 = 1;
/// The heads of a batch; their checksum is made right.
pub const HEADS: u8 = 2;
/// The file, as it stands.
pub const RAW: u8 = 3;

/// Reads an input.
pub fn file(dice: &mut Dice<'_>) -> Vec<u8> {
    match dice.u8() % 4 {
        RAW => dice.0.to_vec(),
        HEADS => with_heads(b"RSNDSTG3", dice.0),
        BUILT_BEFORE => built(dice, b"RSNDSTG2"),
        _ => built(dice, b"RSNDSTG3"),
    }
}

/// Ranges, targets with their lines, and exports.
fn built(dice: &mut Dice<'_>, magic: &[u8; 8]) -> Vec<u8> {
    let mut heads = Vec::new();
    let ranges = u32::from(dice.u8() % 8);
    heads.extend_from_slice(&ranges.to_le_bytes());
    heads.extend_from_slice(dice.bytes(12 * ranges as usize));
    heads.resize(4 + 12 * ranges as usize, 0);
    let targets = u32::from(dice.u8() % 8);
    heads.extend_from_slice(&targets.to_le_bytes());
    let mut lines = Vec::new();
    for _ in 0..targets {
        let (name, bytes) = (dice.counted(), dice.counted());
        heads.extend_from_slice(&(name.len() as u16).to_le_bytes());
        heads.extend_from_slice(name);
        heads.extend_from_slice(&dice.u64().to_le_bytes());
        heads.extend_from_slice(&dice.u64().to_le_bytes());
        heads.push(dice.u8());
        // Now and then somewhere else than where they are.
        let place = (LINES_AT + lines.len()) as u64;
        let place = if dice.u8() % 16 == 15 { dice.u64() } else { place };
        heads.extend_from_slice(&place.to_le_bytes());
        heads.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        heads.extend_from_slice(&fuzzing::checksum(bytes).to_le_bytes());
        lines.extend_from_slice(bytes);
    }
    if magic == b"RSNDSTG3" {
        let count = u32::from(dice.u8() % 2);
        heads.extend_from_slice(&count.to_le_bytes());
        let (number, bytes) = (dice.u64(), dice.counted());
        heads.extend_from_slice(&number.to_le_bytes());
        heads.extend_from_slice(&((LINES_AT + lines.len()) as u64).to_le_bytes());
        heads.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        heads.extend_from_slice(&fuzzing::checksum(bytes).to_le_bytes());
        lines.extend_from_slice(bytes);
    }
    let mut file = with_heads(magic, &heads);
    file.resize(LINES_AT.max(file.len()), 0);
    file.extend_from_slice(&lines);
    file
}

/// A stage of a version that is ready, with these heads.
pub fn with_heads(magic: &[u8; 8], heads: &[u8]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend_from_slice(&1_u64.to_le_bytes());
    bytes.extend_from_slice(&7_u64.to_le_bytes());
    bytes.extend_from_slice(&(HEADS_AT as u64).to_le_bytes());
    bytes.extend_from_slice(&(heads.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&fuzzing::checksum(heads).to_le_bytes());
    let check = fuzzing::checksum(&bytes);
    bytes.extend_from_slice(&check.to_le_bytes());
    bytes.resize(HEADS_AT, 0);
    bytes.extend_from_slice(heads);
    bytes
}
