//! A folder that is deleted at the end.

use std::path::{Path, PathBuf};

/// A file system in memory, where there is one. Scenarios kill a process and never a machine, so nothing they show is lost; on a
/// disk that others use, most of their time would be spent waiting for its flushes.
const MEMORY: &str = "/dev/shm";

#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// In memory if that can be; in the folder for temporary files if not, or if `TMPDIR` asks for one.
    pub(crate) fn new() -> std::io::Result<Self> {
        let name = format!("shouyin-scenario-{}", crate::random::hex(8));
        if std::env::var_os("TMPDIR").is_none() {
            let path = Path::new(MEMORY).join(&name);
            if std::fs::create_dir(&path).is_ok() {
                return Ok(Self(path));
            }
        }
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!("The temporary folder {} stays: {error}", self.0.display());
        }
    }
}
