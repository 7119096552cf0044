//! Numbers made from a seed. Nothing in this crate is random in any other way.

/// The finishing function of splitmix64: every bit of the input reaches every bit of the output.
pub(crate) const fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// A fast fingerprint of bytes; `key` makes it a keyed one. Not for security.
pub(crate) fn fingerprint(key: u64, bytes: &[u8]) -> u64 {
    let mut state = mix(key ^ 0x9E37_79B9_7F4A_7C15);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        state = (state ^ u64::from_le_bytes(*word))
            .wrapping_mul(0x9FB2_1C65_1E98_DF25)
            .rotate_left(29);
    }
    let mut last = [0; 8];
    for (slot, byte) in last.iter_mut().zip(rest) {
        *slot = *byte;
    }
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    mix(state ^ mix(u64::from_le_bytes(last) ^ length.rotate_left(56)))
}

/// An endless stream of numbers for one purpose of one seed.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    state: u64,
}

impl Stream {
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        Self {
            state: fingerprint(seed, purpose.as_bytes()),
        }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.state)
    }

    /// A number below `limit` (0 if `limit` is 0).
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        let limit = u64::from(limit);
        if limit == 0 {
            return 0;
        }
        u32::try_from(self.next() % limit).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_depends_on_every_byte_the_length_and_the_key() {
        let text = b"12345678abcdefgh!";
        let base = fingerprint(1, text);
        assert_ne!(base, fingerprint(2, text));
        for at in 0..text.len() {
            let mut other = text.to_vec();
            other[at] ^= 1;
            assert_ne!(base, fingerprint(1, &other), "byte {at}");
        }
        assert_ne!(fingerprint(1, b"a"), fingerprint(1, b"a\0"));
    }
}
