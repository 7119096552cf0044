'use strict';

// Errors are plain Error objects with fields, not a subclass: the developer tools may compile classes down to ES5, where
// `instanceof` on a subclass of Error is false. Ask `isShouyinError(error)` and look at `error.code`.

/** @type {'ShouyinError'} */
const NAME = 'ShouyinError';

/**
 * @param {string} code stable name: the server's problem `code`, or one of this package's own
 * @param {string} detail for the developer, not for the buyer
 * @param {{ status?: number, retryable?: boolean, errMsg?: string }} [more]
 * @returns {import('./index').ShouyinError}
 */
function shouyinError(code, detail, more) {
  const given = more || {};
  return Object.assign(new Error(code + ': ' + detail), {
    name: NAME,
    code,
    detail,
    status: given.status || 0,
    retryable: given.retryable === true,
    errMsg: given.errMsg || '',
  });
}

/**
 * @param {unknown} error
 * @returns {error is import('./index').ShouyinError}
 */
function isShouyinError(error) {
  return error instanceof Error && error.name === NAME;
}

/** Rethrows what is not ours: a bug in the caller or in this package must stay visible. */
function requireOurs(error) {
  if (!isShouyinError(error)) throw error;
  return error;
}

module.exports = { shouyinError, isShouyinError, requireOurs };
