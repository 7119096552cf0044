'use strict';

const { shouyinError } = require('./errors');
const { limited } = require('./time');

// wx.request has its own timeout; ours only catches the case where it does not call back at all.
const GRACE_MS = 1000;

/**
 * JSON over wx.request, as a promise. wx.request is not a promise itself, and its `success` fires for every HTTP status.
 *
 * @param {{ wx: import('./index').Wx, clock: import('./index').Clock, baseUrl: string, timeoutMs: number }} options
 * @returns {(method: 'GET' | 'POST', path: string, token?: string, body?: object) => Promise<any>} rejects with a ShouyinError
 */
function createRequest({ wx, clock, baseUrl, timeoutMs }) {
  return function request(method, path, token, body) {
    let task;
    return limited(
      clock,
      timeoutMs + GRACE_MS,
      (resolve, reject) => {
        task = wx.request({
          url: baseUrl + path,
          method,
          data: body,
          header: headers(token),
          dataType: 'json',
          timeout: timeoutMs,
          success: (answer) => (isGood(answer) ? resolve(answer.data) : reject(problem(answer))),
          fail: (failure) => reject(networkError(failure.errMsg)),
        });
      },
      (_resolve, reject) => {
        // First the reason: abort reports itself as a failure too.
        reject(networkError('request:fail timeout'));
        if (task && task.abort) task.abort();
      }
    );
  };
}

function headers(token) {
  const header = { 'content-type': 'application/json', accept: 'application/json' };
  return token ? Object.assign(header, { authorization: 'Bearer ' + token }) : header;
}

function isObject(value) {
  return typeof value === 'object' && value !== null;
}

function isGood(answer) {
  return answer.statusCode >= 200 && answer.statusCode < 300 && isObject(answer.data);
}

/** The server's problem document (RFC 9457) as an error. Proxies and hotel Wi-Fi answer with something else. */
function problem(answer) {
  const status = answer.statusCode;
  const data = isObject(answer.data) ? answer.data : {};
  if (status >= 200 && status < 400) {
    return shouyinError('invalid_answer', 'The answer is not JSON of the Shouyin server.', { status, retryable: true });
  }
  const code = typeof data.code === 'string' ? data.code : 'http_' + status;
  const detail = typeof data.detail === 'string' ? data.detail : 'HTTP status ' + status;
  return shouyinError(code, detail, { status, retryable: status >= 500 || status === 429 });
}

function networkError(errMsg) {
  const text = String(errMsg || 'request:fail');
  // Detail texts are not stable between WeChat versions, so only this one word is looked for.
  const code = text.indexOf('timeout') >= 0 ? 'timeout' : 'network';
  return shouyinError(code, text, { retryable: true, errMsg: text });
}

module.exports = { createRequest };
