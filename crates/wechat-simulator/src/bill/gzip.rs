//! GZIP without compression (RFC 1952, RFC 1951 stored blocks): every reader takes it, and it needs no library.

/// Most bytes of a stored block.
const BLOCK: usize = 65_535;

/// Wraps bytes.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    // Deflate, no flags, no time, unknown system.
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut blocks = bytes.chunks(BLOCK).peekable();
    if blocks.peek().is_none() {
        packed.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        packed.push(u8::from(blocks.peek().is_none()));
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(block);
    }
    packed.extend(crc32(bytes).to_le_bytes());
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    packed.extend(length.to_le_bytes());
    packed
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let carry = 0xedb8_8320 & (crc & 1).wrapping_neg();
            (crc >> 1) ^ carry
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn blocks_follow_each_other() {
        let packed = gzip(&vec![b'x'; BLOCK + 1]);
        assert_eq!(packed[10..15], [0, 0xff, 0xff, 0, 0]);
        assert_eq!(packed[15 + BLOCK..20 + BLOCK], [1, 1, 0, 0xfe, 0xff]);
        assert_eq!(gzip(b"").len(), 10 + 5 + 8);
    }
}
