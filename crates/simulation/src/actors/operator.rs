//! The operator, who sets clocks and keys, and the reaper, who kills processes.

use shouyin_core::time::{DAY_MS, MINUTE_MS, SECOND_MS};
use wechat_simulator::{Command, Input, PlatformKey};

use crate::check::Violation;
use crate::choice::{Fault, Lane};
use crate::marks::Mark;
use crate::server::Server;
use crate::setup::platform_key;
use crate::silence::Actor;
use crate::speaks::Speaks;
use crate::world::{Event, World};

/// The farthest a wrong clock is off, milliseconds.
const MOST_SKEW_MS: i64 = 10 * MINUTE_MS;
/// The same where somebody speaks the older protocol: two clocks are nine minutes apart at most, so that a request that arrives late
/// arrives within the eleven minutes for which the product waits for it, whichever clock these are measured by.
const MOST_SKEW_OF_V2_MS: i64 = 270_000;
/// The longest a dead process stays dead, milliseconds.
const LONGEST_DOWN_MS: u32 = 600_000;

impl World {
    /// Time passes, and everything in it happens.
    pub(super) fn jump(&mut self) -> Result<(), Violation> {
        const SPANS_MS: [i64; 8] = [
            10 * SECOND_MS,
            20 * SECOND_MS,
            MINUTE_MS,
            6 * MINUTE_MS,
            31 * MINUTE_MS,
            2 * 60 * MINUTE_MS,
            6 * 60 * MINUTE_MS,
            DAY_MS,
        ];
        let index = self.hub.lock().choice.on(Lane::Turn).index(SPANS_MS.len());
        let span = SPANS_MS.get(index).copied().unwrap_or(SECOND_MS);
        let until = self.hub.now_ms() + span;
        self.hub.say(format_args!("{} seconds pass", span / 1_000));
        while self.deliver(until)? {}
        self.hub.advance(until);
        Ok(())
    }

    /// Kills a process; it comes back after a while, perhaps only to die again while it recovers.
    pub(super) fn reap(&mut self) {
        let Some(server) = self.some_server() else {
            return;
        };
        self.hub
            .say(format_args!("server process {server} is killed"));
        self.kill(server);
    }

    /// The process is gone; it starts again after a drawn time.
    pub(crate) fn kill(&mut self, server: usize) {
        let down = self
            .hub
            .lock()
            .choice
            .on(Lane::Of(Actor::Reaper))
            .duration_ms(LONGEST_DOWN_MS);
        self.bury(server);
        self.hub.schedule(1_000 + down, Event::Restart(server));
    }

    /// How far off the clock of a process is that starts now.
    pub(crate) fn drawn_skew_ms(&mut self) -> i64 {
        let mut inner = self.hub.lock();
        if !inner.choice.happens(Fault::ClockSkew) {
            return 0;
        }
        let most = u32::try_from(2 * MOST_SKEW_MS).unwrap_or(0);
        let skew = i64::from(inner.choice.on(Lane::Of(Actor::Operator)).upto(most)) - MOST_SKEW_MS;
        let mut parties = self.setup.parties.iter();
        if parties.any(|party| party.speaks.sign_type().is_some()) {
            // See "What the world cannot show": in the older protocol nobody finds a request too old.
            skew.clamp(-MOST_SKEW_OF_V2_MS, MOST_SKEW_OF_V2_MS)
        } else {
            skew
        }
    }

    /// Somebody corrects a clock, or makes it worse, while the process runs.
    pub(super) fn step_clock(&mut self) {
        let skew = self.drawn_skew_ms();
        let index = self
            .hub
            .lock()
            .choice
            .on(Lane::Turn)
            .index(self.servers.len());
        self.set_clock(index, skew);
    }

    /// From now on the clock of a server is so many milliseconds off.
    pub(crate) fn set_clock(&mut self, index: usize, skew_ms: i64) {
        if let Some(server) = self.servers.get(index) {
            server.clock.set_skew(skew_ms);
            self.checker.clock_set(skew_ms);
            self.hub
                .say(format_args!("clock of server {index} is {skew_ms} ms off"));
        }
    }

    /// WeChat signs with a new key. A careful operator has configured it before; another one is told by the alarms.
    pub(super) fn rotate_key(&mut self) -> Result<(), Violation> {
        let (party, careful, late) = {
            let mut inner = self.hub.lock();
            let party = inner.choice.on(Lane::Turn).index(self.setup.parties.len());
            let careful = inner.choice.on(Lane::Turn).upto(1) == 0;
            (
                party,
                careful,
                inner.choice.on(Lane::Turn).duration_ms(900_000),
            )
        };
        let Some(found) = self.setup.parties.get_mut(party) else {
            return Ok(());
        };
        let key = platform_key(found.platform.len() + 1, self.setup.signatures)
            .map_err(|error| Violation::new("WORLD", error.to_string()))?;
        let serial = key.serial_no().to_owned();
        found.platform.push(key.clone());
        let mchid = found.mchid.to_string();
        if careful {
            self.configure_keys(party);
        } else {
            self.hub.schedule(late, Event::ConfigureKeys(party));
        }
        self.hub.say(format_args!(
            "WeChat signs for {mchid} with {serial}; configured before: {careful}"
        ));
        let key = PlatformKey {
            signer: key.signer,
            opener: None,
        };
        self.wechat_step(Input::Control(Command::SetPublicKey { mchid, key }))?;
        Ok(())
    }

    /// A merchant who is moving from one protocol to the other gets other settings.
    pub(super) fn move_any(&mut self) {
        let moving: Vec<usize> = (0..self.setup.parties.len())
            .filter(|party| self.next_protocol(*party).is_some())
            .collect();
        let index = self.hub.lock().choice.on(Lane::Turn).index(moving.len());
        if let Some(party) = moving.get(index) {
            self.move_on(*party);
        }
    }

    fn next_protocol(&self, party: usize) -> Option<Speaks> {
        self.setup.parties.get(party)?.speaks.next()
    }

    /// The settings are changed and every server starts again, in a moment without any.
    pub(crate) fn move_on(&mut self, party: usize) {
        let Some(next) = self.next_protocol(party) else {
            return;
        };
        if let Some(party) = self.setup.parties.get_mut(party) {
            party.speaks = next;
            let (mchid, settings) = (party.mchid.clone(), next.as_str());
            self.hub
                .say(format_args!("{mchid} speaks {settings} from now on"));
            self.hub.mark(Mark::Moved);
        }
        for server in 0..self.servers.len() {
            if self.servers.get(server).is_some_and(Server::is_up) {
                self.bury(server);
                self.restart(server);
            }
        }
    }

    /// The operator adds every key that WeChat has announced for a merchant, now and for later starts.
    pub(crate) fn configure_keys(&mut self, party: usize) {
        let Some(found) = self.setup.parties.get_mut(party) else {
            return;
        };
        found.configured = found.platform.len();
        for server in &self.servers {
            if let Some(ring) = server.keys.get(party) {
                for key in &found.platform {
                    crate::server::trust(ring, &*self.build, key);
                }
            }
        }
    }
}
