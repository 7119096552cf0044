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
    return this.that(`${what} is ${expected}`, isDeepStrictEqual(saw, expected), saw);
  }
}

/** Runs a referee to its end, prints the sum and sets the exit status. */
export async function judge(title, run) {
  const checks = new Checks(title);
  try {
    await run(checks);
  } catch (error) {
    // A check that could not even be made is a failed check.
    console.error(error.response ? `${error.message}: ${JSON.stringify(error.response.data)}` : error);
    checks.that('the referee gets to the end', false, error.message);
  }
  console.log(`${checks.passed} passed, ${checks.failed} failed`);
  process.exitCode = checks.failed > 0 || checks.passed === 0 ? 1 : 0;
}
