//! Time: everything that is due happens, here and at WeChat, each at its own moment.

use std::sync::Arc;

use super::{LOOK_EVERY, World};

impl World {
    /// Everything that is due now happens, here and at WeChat, until nothing is.
    pub(crate) async fn settle(&mut self) -> anyhow::Result<()> {
        loop {
            let now_ms = self.clock.now_ms();
            let moved = self.control.set_clock(now_ms);
            let gate = Arc::clone(&self.gate);
            let frozen = async {
                while !gate.is_frozen() {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            };
            tokio::select! {
                moved = moved => moved?,
                // WeChat waits for an answer that will not come.
                () = frozen => return Ok(()),
            }
            let ran = match &mut self.process {
                // What has stopped dead does nothing more.
                Some(process) if !self.gate.is_frozen() => process.work(&self.control).await?,
                Some(_) | None => 0,
            };
            if ran == 0 {
                return Ok(());
            }
        }
    }

    /// Time passes; everything due on the way happens at its own time.
    pub(crate) async fn advance(&mut self, ms: i64) -> anyhow::Result<()> {
        let end_ms = self.clock.now_ms().saturating_add(ms);
        loop {
            self.settle().await?;
            let now_ms = self.clock.now_ms();
            let mut next_ms = end_ms;
            let skew_ms = self.clock.skew_ms();
            let ours = match &self.process {
                Some(process) if !self.gate.is_frozen() => process.next_due_ms().await,
                Some(_) | None => None,
            };
            let ours = ours.map(|due| due.saturating_sub(skew_ms));
            for due in [ours, self.control.next_due().await?] {
                // What is due and was not done just now cannot be done yet.
                if let Some(due) = due.filter(|due| *due > now_ms) {
                    next_ms = next_ms.min(due);
                }
            }
            if now_ms >= end_ms {
                return Ok(());
            }
            self.clock.set_ms(next_ms);
        }
    }
}
