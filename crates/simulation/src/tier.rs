//! The tiers: how much of a run is real.

use std::fmt;
use std::sync::Arc;

use shouyin_store::{MemoryStore, SqliteStore};

use crate::doors::Doors;
use crate::ports::Signatures;
use crate::rows::Database;
use crate::server::Build;

/// The product as it is, with more or less of the real world below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tier {
    /// T1: the rows in memory, cheap signatures.
    #[default]
    Memory,
    /// T2: SQLite in memory.
    Sqlite,
    /// T2f: SQLite in a file, with its threads and its write-ahead log.
    SqliteFile,
    /// T3: SQLite in memory, RSA for every signature, and the router with its JSON, keys and sessions.
    Full,
}

impl Tier {
    /// All of them, in the order of their cost.
    pub const ALL: [Tier; 4] = [Tier::Memory, Tier::Sqlite, Tier::SqliteFile, Tier::Full];

    /// The name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Tier::Memory => "memory",
            Tier::Sqlite => "sqlite",
            Tier::SqliteFile => "sqlite-file",
            Tier::Full => "full",
        }
    }

    /// The inverse of [`Tier::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == text)
    }

    /// How many seeds a minute one core must do at least.
    pub const fn floor(self) -> u64 {
        match self {
            Tier::Memory => 10_000,
            Tier::Sqlite => 1_000,
            // It waits for the disk at every commit.
            Tier::SqliteFile => 50,
            Tier::Full => 100,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Build for Tier {
    fn database(&self) -> Result<Database, String> {
        match self {
            Tier::Memory => Ok(Database::new(Arc::new(MemoryStore::new()))),
            Tier::Sqlite | Tier::Full => SqliteStore::single_threaded_in_memory()
                .map(|store| Database::new(Arc::new(store)))
                .map_err(|error| error.to_string()),
            Tier::SqliteFile => {
                let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
                let store = SqliteStore::open(folder.path().join("shouyin.db"))
                    .map_err(|error| error.to_string())?;
                Ok(Database {
                    store: Arc::new(store),
                    folder: Some(folder),
                })
            }
        }
    }

    fn doors(&self) -> Doors {
        match self {
            Tier::Memory | Tier::Sqlite | Tier::SqliteFile => Doors::Services,
            Tier::Full => Doors::Router,
        }
    }

    fn signatures(&self) -> Signatures {
        match self {
            Tier::Memory | Tier::Sqlite | Tier::SqliteFile => Signatures::Cheap,
            Tier::Full => Signatures::Rsa,
        }
    }
}
