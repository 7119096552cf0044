//! `--record`: what went over the wire, for checks by programs that are not ours.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;

/// Writes the simulator's log, one JSON object a line.
pub(crate) async fn write(control_url: &str, path: &Path) -> anyhow::Result<()> {
    let http = crate::http::client(Duration::from_secs(10))?;
    let (mut text, mut after) = (String::new(), 0);
    loop {
        let url = format!("{control_url}/log?after={after}");
        let page: Page = http
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        if page.entries.is_empty() {
            break;
        }
        for entry in page.entries {
            text.push_str(&entry.to_string());
            text.push('\n');
        }
        after = page.next;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[derive(Debug, Deserialize)]
struct Page {
    entries: Vec<Value>,
    next: u64,
}
