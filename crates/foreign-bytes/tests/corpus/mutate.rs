//! Changed copies of seeds. The same name gives the same copies, so a failure can be had again.

/// What parsers stumble over.
const PIECES: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\n",
    b"\r\n",
    b"\0",
    b"\x7f",
    b"\xff",
    b"\xc3\x28",
    b"null",
    b"true",
    b"0",
    b"-1",
    b"-0",
    b"1.0",
    b"1e3",
    b"0x10",
    b"00",
    b".",
    b"..",
    b"%2e",
    b"%00",
    b"/",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"18446744073709551616",
    b"1e999",
    b"{}",
    b"[]",
    b"\"\"",
    b"\xef\xbb\xbf",
    b"\xf0\x9f\x8d\xb5",
    b"\xe2\x80\xae",
    b"\\u0000",
    b"\\ud800",
    b"=",
    b"==",
    b"?",
    b"#",
    b"&",
    b" ",
    b"\t",
    b"+",
    b"*",
    b"|",
    b"@",
    b"<!ENTITY x \"y\">",
];

/// A small generator of numbers (xorshift), seeded with a name.
pub(crate) struct Mutator(u64);

impl Mutator {
    pub(crate) fn new(name: &str) -> Self {
        let seed = name.bytes().fold(0x9e37_79b9_7f4a_7c15, |seed: u64, byte| {
            (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(seed | 1)
    }

    /// Below the limit; 0 for the limit 0.
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let limit = u64::try_from(limit.max(1)).unwrap();
        usize::try_from(self.0 % limit).unwrap()
    }

    /// One seed, changed one to four times.
    pub(crate) fn variant(&mut self, seeds: &[&[u8]]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].to_vec();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes, seeds);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, seeds: &[&[u8]]) {
        let at = self.below(bytes.len() + 1);
        let until = (at + 1 + self.below(16)).min(bytes.len());
        let piece = PIECES[self.below(PIECES.len())];
        match self.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 if at < bytes.len() => bytes[at] = u8::try_from(self.below(256)).unwrap(),
            2 => drop(bytes.drain(at..until.max(at))),
            3 => drop(bytes.splice(at..at, piece.iter().copied())),
            4 => drop(bytes.splice(at..until.max(at), piece.iter().copied())),
            5 => bytes.truncate(at),
            6 => {
                let again = bytes[at..until.max(at)].to_vec();
                let times = self.below(20) + 1;
                drop(bytes.splice(at..at, again.repeat(times)));
            }
            // The beginning of one seed and the end of another.
            _ => {
                let other = seeds[self.below(seeds.len())];
                let from = self.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }
}
