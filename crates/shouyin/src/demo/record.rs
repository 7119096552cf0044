//! `--record`: what went over the wire, for checks by programs that are not ours.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

/// Writes the simulator's log, one JSON object a line.
pub(crate) async fn write(control_url: &str, path: &Path) -> anyhow::Result<()> {
    let http = crate::http::client(Duration::from_secs(10))?;
    let log: Value = http
        .get(format!("{control_url}/log?after=0"))
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    let entries = log
        .get("entries")
        .and_then(Value::as_array)
        .context("the simulator's log has entries")?;
    let lines: Vec<String> = entries.iter().map(Value::to_string).collect();
    std::fs::write(path, lines.join("\n") + "\n")
        .with_context(|| format!("cannot write {}", path.display()))
}
