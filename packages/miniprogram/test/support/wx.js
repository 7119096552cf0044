'use strict';

const assert = require('node:assert/strict');

const PAYMENT_FIELDS = ['timeStamp', 'nonceStr', 'package', 'signType', 'paySign'];

/**
 * A double of WeChat's `wx`, as strict about types as a phone. Each behaviour is set by the test:
 *   behaviour.login   'ok' | 'fail' | 'no_code' | 'silent'
 *   behaviour.cashier  (parameters) => what happens: see `cashier` below
 * Requests go to `handle(method, url, header, body)`; the answer arrives `latencyMs` later.
 * `storage` survives when the app is killed: give the same object to the next `wx`.
 */
function createWx({ clock, handle, storage = {}, latencyMs = 50 }) {
  const behaviour = { login: 'ok', cashier: () => ({ errMsg: 'requestPayment:ok' }), storage: 'ok' };
  const calls = { login: 0, requestPayment: [] };
  let codes = 0;
  let running = 0;
  let alive = true;
  const later = (ms, run) => clock.setTimeout(() => alive && run(), ms);

  const wx = {
    behaviour,
    calls,
    kill() {
      alive = false;
    },

    login(options) {
      checkOptions(options, { timeout: 'number' });
      calls.login += 1;
      codes += 1;
      const code = 'code-' + codes;
      return answered(options, (settle) => {
        later(latencyMs, () => {
          if (behaviour.login === 'ok') settle('success', { code, errMsg: 'login:ok' });
          if (behaviour.login === 'no_code') settle('success', { errMsg: 'login:ok' });
          if (behaviour.login === 'fail') settle('fail', { errMsg: 'login:fail network error', errno: 600001 });
        });
      });
    },

    request(options) {
      checkOptions(options, { url: 'string', method: 'string', header: 'object', timeout: 'number' });
      assert.ok(['OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'CONNECT'].includes(options.method));
      running += 1;
      assert.ok(running <= 10, 'at most 10 requests at once');
      let aborted = false;
      const settle = (name, result) => {
        running -= 1;
        call(options, name, result);
      };
      // What is sent is text: nothing but JSON gets through.
      const body = options.data === undefined ? undefined : JSON.parse(JSON.stringify(options.data));
      later(latencyMs, () => {
        if (aborted) return;
        const answer = handle(options.method, options.url, options.header, body);
        if (answer.silent) return;
        later(latencyMs + (answer.slowMs || 0), () => {
          if (aborted) return;
          if (answer.network) settle('fail', { errMsg: answer.network, errno: 5 });
          else settle('success', { statusCode: answer.status, data: answer.data, header: {}, errMsg: 'request:ok' });
        });
      });
      return {
        abort() {
          aborted = true;
          settle('fail', { errMsg: 'request:fail abort' });
        },
      };
    },

    requestPayment(options) {
      checkPayment(options);
      calls.requestPayment.push(PAYMENT_FIELDS.map((field) => options[field]));
      const happens = behaviour.cashier(options);
      return answered(options, (settle) => {
        // The buyer's money moves when the password is typed; the callback, if any, comes later.
        later(happens.paysAfterMs || 1000, happens.pays || (() => undefined));
        later(happens.afterMs || 1500, () => cashierEnds(options, happens, settle));
      });
    },

    getStorageSync(key) {
      assert.equal(typeof key, 'string');
      return key in storage ? JSON.parse(storage[key]) : '';
    },
    setStorageSync(key, value) {
      assert.equal(typeof key, 'string');
      if (behaviour.storage === 'full') throw new Error('setStorageSync:fail exceed storage max size');
      storage[key] = JSON.stringify(value);
    },
  };
  return wx;
}

/** What the cashier reports: `errMsg` as a phone sends it, `onlyComplete` for old WeChat, nothing when `silent`. */
function cashierEnds(options, happens, settle) {
  if (happens.silent) return;
  const result = { errMsg: happens.errMsg };
  if (happens.onlyComplete) options.complete(result);
  else settle(happens.errMsg === 'requestPayment:ok' ? 'success' : 'fail', result);
}

function call(options, name, result) {
  if (options[name]) options[name](result);
  if (options.complete) options.complete(result);
}

/** Callbacks if any of the three is given, else a promise. */
function answered(options, start) {
  if (options.success || options.fail || options.complete) return start((name, result) => call(options, name, result));
  return new Promise((resolve, reject) => start((name, result) => (name === 'success' ? resolve : reject)(result)));
}

function checkOptions(options, types) {
  for (const [name, type] of Object.entries({ ...types, success: 'function', fail: 'function', complete: 'function' })) {
    if (options[name] !== undefined) assert.equal(typeof options[name], type, 'parameter.' + name + ' should be ' + type);
  }
}

function checkPayment(options) {
  const bad = (why) => {
    throw new Error('requestPayment:fail parameter error: ' + why);
  };
  for (const field of PAYMENT_FIELDS) if (typeof options[field] !== 'string') bad('parameter.' + field + ' should be String');
  if (!/^\d{10}$/.test(options.timeStamp)) bad('timeStamp is in seconds');
  if (options.nonceStr.length > 32) bad('nonceStr is longer than 32');
  if (!/^prepay_id=./.test(options.package)) bad('package must be prepay_id=...');
  if (!['MD5', 'HMAC-SHA256', 'RSA'].includes(options.signType)) bad('unknown signType');
  if (options.paySign === '') bad('paySign is missing');
  checkOptions(options, {});
}

module.exports = { createWx };
