'use strict';

/** A clock that jumps to the next timer, so that a test of five minutes takes no time. */
function createClock(start = 1_700_000_000_000) {
  let now = start;
  let number = 0;
  const timers = new Map();

  const clock = {
    now: () => now,
    setTimeout(run, ms) {
      number += 1;
      timers.set(number, { run, due: now + ms, number });
      return number;
    },
    clearTimeout: (timer) => void timers.delete(timer),
    waiting: () => timers.size,
    since: () => now - start,

    /** Runs until `promise` is settled, then gives its result. Fails when nothing can settle it any more. */
    async run(promise) {
      let settled = false;
      const done = () => {
        settled = true;
      };
      promise.then(done, done);
      for (let steps = 0; ; steps += 1) {
        await quiet();
        if (settled) return promise;
        if (steps > 10_000) throw new Error('the clock ran for 10 000 steps');
        if (!step()) throw new Error('nothing is waiting, and the promise is still open');
      }
    },

    /** Runs everything due within the next `ms`. */
    async advance(ms) {
      const until = now + ms;
      await quiet();
      while (step(until)) await quiet();
      now = until;
    },

    /** What a killed app does with its timers. */
    kill: () => timers.clear(),
  };

  function step(until = Infinity) {
    const [next] = [...timers.values()].sort((a, b) => a.due - b.due || a.number - b.number);
    if (!next || next.due > until) return false;
    timers.delete(next.number);
    now = Math.max(now, next.due);
    next.run();
    return true;
  }

  return clock;
}

/** Lets every promise that can go on go on. */
function quiet() {
  return new Promise((resolve) => setImmediate(resolve));
}

module.exports = { createClock };
