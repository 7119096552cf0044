//! The server's clock, moved from outside: libfaketime, where it is installed, tells the server another time than the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::repository::Repository;
use crate::tools;

/// Where Debian and its relatives put it.
const PLACES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
];

/// A clock that a file moves.
#[derive(Debug)]
pub(super) struct FakeClock {
    library: &'static str,
    file: PathBuf,
}

impl FakeClock {
    /// None where there is no libfaketime and none can be installed: the torture goes on without.
    pub(super) fn find(repository: &Repository, folder: &Path) -> Option<Self> {
        let stays = |why: &str| println!("the server's clock stays as it is: {why}");
        let installed = || PLACES.into_iter().find(|place| Path::new(place).exists());
        if installed().is_none()
            && let Err(why) = tools::apt::install(repository, &["libfaketime"])
        {
            stays(&format!("{why:#}"));
            return None;
        }
        let Some(library) = installed() else {
            stays("libfaketime is not where it usually is");
            return None;
        };
        let clock = Self {
            library,
            file: folder.join("clock"),
        };
        match clock.set(0) {
            Ok(()) => Some(clock),
            Err(why) => {
                stays(&format!("{why:#}"));
                None
            }
        }
    }

    /// So many seconds ahead of the machine's clock from now on; negative: behind.
    pub(super) fn set(&self, seconds: i64) -> Result<()> {
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{seconds:+}\n")).context("cannot write the clock's file")?;
        // Renamed, so that nobody reads half of it.
        fs::rename(&new, &self.file).context("cannot replace the clock's file")
    }

    /// The command reads this clock. Durations, which the monotonic clock measures, stay as they are.
    pub(super) fn wire(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
    }
}

/// Waits, as the real time passes.
pub(super) fn sleep_ms(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// A moment in the future, for waiting that must end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    #[expect(
        clippy::disallowed_methods,
        reason = "bounded waiting for other processes"
    )]
    pub(super) fn after(seconds: u64) -> Self {
        Self(Instant::now() + Duration::from_secs(seconds))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "bounded waiting for other processes"
    )]
    pub(super) fn passed(self) -> bool {
        Instant::now() > self.0
    }
}
