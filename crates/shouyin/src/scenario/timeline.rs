//! What happened, line by line: each step, and under it the messages it led to.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::Value;

use super::file::{Scenario, Variant};
use super::library;
use super::step::Step;
use super::words::{self, Lang};
use super::world::receiver::Receiver;
use super::world::{START_MS, World};

#[derive(Debug)]
pub(crate) struct Timeline {
    lang: Lang,
    live: bool,
    lines: Vec<String>,
    /// The newest entry of the simulator's log that was shown.
    seen: u64,
    /// How many events were shown.
    events: usize,
    /// How many messages of each receiver were shown.
    webhooks: BTreeMap<String, usize>,
    steps: usize,
    checks: usize,
    /// The step that is being taken: shown together with what it came to.
    pending: Option<String>,
    /// What it led to meanwhile.
    under: Vec<String>,
}

impl Timeline {
    pub(crate) const fn new(lang: Lang, live: bool) -> Self {
        Self {
            lang,
            live,
            lines: Vec::new(),
            seen: 0,
            events: 0,
            webhooks: BTreeMap::new(),
            steps: 0,
            checks: 0,
            pending: None,
            under: Vec::new(),
        }
    }

    pub(crate) const fn lang(&self) -> Lang {
        self.lang
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines
    }

    fn line(&mut self, line: String) {
        // Whoever reads along may leave, as `head` does: the scenario is played to its end all the same.
        if self.live && writeln!(std::io::stdout(), "{line}").is_err() {
            self.live = false;
        }
        self.lines.push(line);
    }

    pub(crate) fn title(&mut self, scenario: &Scenario, variant: &Variant) {
        let about = match self.lang {
            Lang::En => &scenario.about,
            Lang::Zh => &scenario.about_zh,
        };
        self.line(format!("{}: {about}", variant.label));
        if let Some(row) = library::row(&scenario.catalogue) {
            self.line(match self.lang {
                Lang::En => format!("  catalogue: {}", row.en),
                Lang::Zh => format!("  目录：{}", row.zh),
            });
        }
        self.line(String::new());
    }

    /// A step begins.
    pub(crate) fn step(&mut self, world: &World, step: &Step) {
        let is_check = words::is_check(step);
        self.steps += 1;
        self.checks += usize::from(is_check);
        let mark = if is_check { "✓" } else { " " };
        let at = clock(world.clock.now_ms());
        self.pending = Some(format!("{at} {mark} {}", words::step(step, self.lang)));
    }

    /// The step is done.
    pub(crate) fn remark(&mut self, remark: &str) {
        if let Some(line) = self.pending.take() {
            let line = if remark.is_empty() {
                line
            } else {
                format!("{line} → {remark}")
            };
            self.line(line);
        }
        for line in std::mem::take(&mut self.under) {
            self.line(line);
        }
    }

    /// The messages between us and WeChat since the last step, and the events they led to.
    pub(crate) async fn messages(&mut self, world: &World) {
        // A timeline with a gap is better than a scenario that fails for it.
        while let Ok(page) = world
            .control
            .get(&format!("/log?after={}", self.seen))
            .await
        {
            let entries = page["entries"].as_array().cloned().unwrap_or_default();
            if entries.is_empty() {
                break;
            }
            for entry in &entries {
                if let Some(line) = words::message(entry, self.lang) {
                    let at = clock(entry["at_ms"].as_i64().unwrap_or_default());
                    self.under.push(format!("{at}       {line}"));
                }
            }
            self.seen = page["next"].as_u64().unwrap_or(u64::MAX);
        }
        for (name, endpoint) in &world.endpoints {
            let messages = endpoint.receiver.iter().flat_map(Receiver::messages);
            let seen = self.webhooks.entry(name.clone()).or_default();
            for message in messages.skip(*seen) {
                let line = words::webhook(name, &message.event_type, message.taken, self.lang);
                self.under
                    .push(format!("{}       {line}", clock(message.at_ms)));
                *seen += 1;
            }
        }
        self.events(world).await;
        self.under.sort_by(|a, b| time_of(a).cmp(time_of(b)));
    }

    async fn events(&mut self, world: &World) {
        if world.process.is_none() || world.gate.is_frozen() {
            return;
        }
        if let Ok(events) = world.events().await {
            for event in events.iter().skip(self.events) {
                let line = words::event(event["type"].as_str().unwrap_or_default(), self.lang);
                self.under.push(format!("{}       {line}", at(event)));
            }
            // Less than before after a restore from a backup: those are told again.
            self.events = events.len();
        }
    }

    pub(crate) fn verdict(&mut self, variant: &Variant, failure: Option<&str>) {
        self.remark("");
        self.line(String::new());
        let (name, steps, checks) = (&variant.label, self.steps, self.checks);
        self.line(match (failure, self.lang) {
            (None, Lang::En) => format!(
                "PASSED {name}: {steps} steps, {checks} expectations, and our books agree with WeChat's"
            ),
            (None, Lang::Zh) => {
                format!("通过 {name}：{steps} 步，{checks} 项期望，账目与微信一致")
            }
            (Some(why), Lang::En) => format!("FAILED {name}: {why}"),
            (Some(why), Lang::Zh) => format!("失败 {name}：{why}"),
        });
    }
}

/// Time since the beginning: `+00:03:01.500`, with days in front if there are any.
fn clock(now_ms: i64) -> String {
    let ms = now_ms.saturating_sub(START_MS).max(0);
    let (days, rest) = (ms / 86_400_000, ms % 86_400_000);
    let (hours, minutes) = (rest / 3_600_000, rest % 3_600_000 / 60_000);
    let (seconds, millis) = (rest % 60_000 / 1_000, rest % 1_000);
    format!("+{days}d {hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
}

fn time_of(line: &str) -> &str {
    line.get(..16).unwrap_or(line)
}

/// When an event was stored.
fn at(event: &Value) -> String {
    let stored = event["created_at"]
        .as_str()
        .and_then(|text| text.parse::<jiff::Timestamp>().ok());
    clock(stored.map_or(START_MS, jiff::Timestamp::as_millisecond))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_count_from_the_beginning() {
        assert_eq!(clock(START_MS), "+0d 00:00:00.000");
        assert_eq!(clock(START_MS + 90_061_001), "+1d 01:01:01.001");
        assert_eq!(clock(0), "+0d 00:00:00.000");
    }
}
