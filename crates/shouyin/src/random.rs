//! Chance for names and keys that the command line makes.

/// `bytes` random bytes as hexadecimal digits.
pub(crate) fn hex(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    // The operating system's generator fails only when the machine is broken; zeros would be guessable.
    #[expect(
        clippy::expect_used,
        reason = "no key is better than a key that can be guessed"
    )]
    aws_lc_rs::rand::fill(&mut buffer).expect("the operating system gives random bytes");
    hex::encode(buffer)
}
