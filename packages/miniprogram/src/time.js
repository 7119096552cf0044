'use strict';

/** The phone's clock; tests pass their own so that no test sleeps. */
const realClock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer),
};

/** @param {import('./index').Clock} clock @param {number} ms */
function wait(clock, ms) {
  return new Promise((resolve) => clock.setTimeout(() => resolve(undefined), ms));
}

/**
 * Gives `start(resolve, reject)` a limited time. Some wx calls never call back (an app killed in the cashier, a task lost
 * while in the background), so every one of them gets a limit of our own besides the one WeChat promises.
 *
 * @template T
 * @param {import('./index').Clock} clock
 * @param {number} ms
 * @param {(resolve: (value: T) => void, reject: (error: Error) => void) => void} start
 * @param {(resolve: (value: T) => void, reject: (error: Error) => void) => void} onLate
 * @returns {Promise<T>}
 */
function limited(clock, ms, start, onLate) {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => onLate(resolve, reject), ms);
    const done = (settle) => (value) => {
      clock.clearTimeout(timer);
      settle(value);
    };
    start(done(resolve), done(reject));
  });
}

/**
 * Runs `attempt` again after each of `delays` (milliseconds) while it fails with a retryable error.
 *
 * @template T
 * @param {import('./index').Clock} clock
 * @param {number[]} delays
 * @param {() => Promise<T>} attempt
 * @returns {Promise<T>}
 */
async function retrying(clock, delays, attempt) {
  for (const delay of delays) {
    try {
      return await attempt();
    } catch (error) {
      if (!error.retryable) throw error;
    }
    await wait(clock, delay);
  }
  return attempt();
}

module.exports = { realClock, wait, limited, retrying };
