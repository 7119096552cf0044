// What a referee prints: one line per check, and how many passed.

import { isDeepStrictEqual } from 'node:util';

/** Counts and prints; a failed check does not stop the others. */
export class Checks {
  passed = 0;
  failed = 0;

  constructor(title) {
    this.title = title;
  }

  that(what, holds, saw) {
    if (holds) this.passed += 1;
    else this.failed += 1;
    const seen = holds ? '' : ` (saw ${JSON.stringify(saw)})`;
    console.log(`${(holds ? 'ok' : 'FAILED').padEnd(7)}${this.title}: ${what}${seen}`);
    return Boolean(holds);
  }

  same(what, saw, expected) {
    const shown = typeof expected === 'object' ? JSON.stringify(expected) : expected;
    return this.that(`${what} is ${shown}`, isDeepStrictEqual(saw, expected), saw);
  }

  /** Runs a part of the referee; the others go on without it. */
  async part(what, run) {
    try {
      await run();
    } catch (error) {
      // A check that could not even be made is a failed check.
      console.error(error.response ? `${error.message}: ${JSON.stringify(error.response.data)}` : error);
      this.that(`${what} gets to the end`, false, error.message);
    }
  }
}

/** Runs a referee to its end, prints the sum and sets the exit status. */
export async function judge(title, run) {
  const checks = new Checks(title);
  await checks.part('the referee', () => run(checks));
  console.log(`${checks.passed} passed, ${checks.failed} failed`);
  process.exitCode = checks.failed > 0 || checks.passed === 0 ? 1 : 0;
}

/** The answer that a call of axios was resolved or rejected with. */
export async function answerOrRejection(promise) {
  try {
    const { status, data } = await promise;
    return { status, data };
  } catch (error) {
    if (!error.response) throw error;
    return { status: error.response.status, data: error.response.data };
  }
}
