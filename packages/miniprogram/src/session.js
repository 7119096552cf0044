'use strict';

const { shouyinError } = require('./errors');
const { limited, retrying } = require('./time');

/**
 * Login: wx.login gives a code, the server turns it into a session token. The openid stays on the server.
 *
 * @param {object} parts
 * @param {import('./index').Wx} parts.wx
 * @param {import('./index').Clock} parts.clock
 * @param {string} parts.appid
 * @param {number} parts.loginMs
 * @param {number[]} parts.retryDelays
 * @param {ReturnType<import('./storage').createStorage>} parts.storage
 * @param {ReturnType<import('./request').createRequest>} parts.request
 */
function createSession({ wx, clock, appid, loginMs, retryDelays, storage, request }) {
  let running = null;

  async function newToken() {
    const code = await loginCode(wx, clock, loginMs);
    // The same code again is safe: the server answers a repeated code with the session it made for it.
    const answer = await retrying(clock, retryDelays, () => request('POST', '/mp/v1/login', '', { appid, code }));
    if (typeof answer.session_token !== 'string' || answer.session_token === '') {
      throw shouyinError('invalid_answer', 'The login answer has no session_token.', { retryable: true });
    }
    storage.setToken(answer.session_token);
    return answer.session_token;
  }

  /** One login at a time: a second wx.login would make the first one's code useless. */
  function token() {
    const stored = storage.token();
    if (stored) return Promise.resolve(stored);
    if (!running) {
      const done = () => {
        running = null;
      };
      running = newToken();
      running.then(done, done);
    }
    return running;
  }

  /** Sends with the session token. When the server no longer knows it (401): one login, one more try. */
  async function authorized(method, path, body) {
    const used = await token();
    try {
      return await request(method, path, used, body);
    } catch (error) {
      if (error.status !== 401) throw error;
    }
    // Another request may have logged in meanwhile; only the token that was refused is thrown away.
    if (storage.token() === used) storage.setToken('');
    return request(method, path, await token(), body);
  }

  return { token, authorized };
}

/** @returns {Promise<string>} the one-use code, five minutes valid */
function loginCode(wx, clock, timeoutMs) {
  const failed = (errMsg) => shouyinError('login_failed', errMsg, { retryable: true, errMsg });
  return limited(
    clock,
    timeoutMs,
    (resolve, reject) =>
      wx.login({
        timeout: timeoutMs,
        success: (answer) => {
          if (answer.code) resolve(answer.code);
          // Seen in the field: success without a code.
          else reject(shouyinError('login_code_missing', answer.errMsg, { retryable: true, errMsg: answer.errMsg }));
        },
        fail: (failure) => reject(failed(failure.errMsg)),
      }),
    (_resolve, reject) => reject(failed('login:fail timeout'))
  );
}

module.exports = { createSession };
