//! The floor: what the signatures alone cost, measured in the same run.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use wechatpay::crypto::PrivateKey;

/// Microseconds of one core per operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Floor {
    pub(crate) sign_us: f64,
    pub(crate) verify_us: f64,
}

impl Floor {
    /// Two signatures (the order call, the payment parameters) and one verification (the answer).
    pub(crate) fn order_us(self) -> f64 {
        2.0 * self.sign_us + self.verify_us
    }

    /// One verification.
    pub(crate) fn notification_us(self) -> f64 {
        self.verify_us
    }
}

/// `openssl speed rsa2048`, one thread.
pub(crate) fn openssl() -> anyhow::Result<Floor> {
    let output = Command::new("openssl")
        .args(["speed", "-seconds", "3", "rsa2048"])
        .output()
        .context("openssl speed")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text
        .lines()
        .rev()
        .find(|line| line.starts_with("rsa"))
        .context("openssl speed printed no rsa line")?;
    let numbers: Vec<f64> = line
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    match numbers.as_slice() {
        [.., sign, verify] => Ok(Floor {
            sign_us: 1e6 / sign,
            verify_us: 1e6 / verify,
        }),
        _ => anyhow::bail!("cannot read {line:?}"),
    }
}

/// The library this server signs with, one thread.
pub(crate) fn library(key: &PrivateKey) -> Floor {
    let text = [7; 300];
    let public = key.public_key();
    let signature = key.sign(&text);
    Floor {
        sign_us: time_us(|| drop(key.sign(&text))),
        verify_us: time_us(|| assert!(public.verify(&text, &signature))),
    }
}

fn time_us(mut operation: impl FnMut()) -> f64 {
    let (begin, mut count) = (Instant::now(), 0_u32);
    while begin.elapsed() < Duration::from_secs(2) {
        operation();
        count += 1;
    }
    begin.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}
