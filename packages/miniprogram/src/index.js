'use strict';

const { createPay } = require('./pay');
const { createPayments } = require('./payment');
const { createRequest } = require('./request');
const { createSession } = require('./session');
const { createStorage } = require('./storage');
const { isShouyinError, requireOurs, shouyinError } = require('./errors');
const { realClock } = require('./time');

const TIMEOUTS = {
  requestMs: 10000,
  loginMs: 10000,
  watchMs: 2000,
  cashierMs: 300000,
  confirmDelaysMs: [0, 1000, 2000, 3000, 5000, 8000],
  retryDelaysMs: [500, 1500],
};

/**
 * @param {import('./index').ShouyinOptions} options
 * @returns {import('./index').Shouyin}
 */
function createShouyin(options) {
  const given = checked(options);
  const { wx, clock, timeouts, appid, baseUrl } = given;
  const retryDelays = timeouts.retryDelaysMs;
  const storage = createStorage(wx, given.storagePrefix);
  const request = createRequest({ wx, clock, baseUrl, timeoutMs: timeouts.requestMs });
  const session = createSession({ wx, clock, appid, loginMs: timeouts.loginMs, retryDelays, storage, request });
  const payments = createPayments({ clock, retryDelays, session, storage });
  const runPay = createPay({ wx, clock, timeouts, payments, storage });

  const inFlight = new Map();
  let resuming = null;

  /** Shares a running promise, so that a double tap is one payment. */
  function pay(paymentId, more) {
    if (!isId(paymentId)) return Promise.reject(invalidId());
    if (!inFlight.has(paymentId)) {
      const done = () => inFlight.delete(paymentId);
      const running = runPay(paymentId, (more && more.onStage) || (() => undefined));
      inFlight.set(paymentId, running);
      running.then(done, done);
    }
    return inFlight.get(paymentId);
  }

  async function askPending() {
    const results = [];
    for (const id of storage.pending()) {
      // A payment at the cashier is being watched already (opening and leaving the cashier fire App.onShow too).
      if (!inFlight.has(id)) results.push(await resumeOne(id));
    }
    return results;
  }

  async function resumeOne(id) {
    try {
      return await payments.confirm(id);
    } catch (error) {
      const { status, code } = requireOurs(error);
      // The server does not know this payment, or not for this buyer: there is nothing to ask again.
      if (status === 403 || status === 404) storage.forget(id);
      return { paymentId: id, state: 'unknown', reason: code };
    }
  }

  return {
    login: () => session.token().then(() => undefined),
    logout: () => storage.setToken(''),
    getPayment: async (paymentId) => payments.view(checkedId(paymentId)),
    pay,
    confirm: async (paymentId) => payments.confirm(checkedId(paymentId)),
    confirmPending() {
      if (!resuming) {
        const done = () => {
          resuming = null;
        };
        resuming = askPending();
        resuming.then(done, done);
      }
      return resuming;
    },
  };
}

function checked(options) {
  const given = options || {};
  const baseUrl = String(given.baseUrl || '').replace(/\/+$/, '');
  if (!/^https?:\/\/[^/]/.test(baseUrl)) throw invalid('baseUrl must be the address of the Shouyin server.');
  if (typeof given.appid !== 'string' || !given.appid) throw invalid('appid must be the id of this mini program.');
  // In a mini program `wx` is a free name, not a property of a global object.
  const host = given.wx || (typeof wx === 'undefined' ? undefined : wx);
  if (!host) throw invalid('There is no wx here; pass one.');
  return {
    wx: host,
    baseUrl,
    appid: given.appid,
    clock: given.clock || realClock,
    timeouts: Object.assign({}, TIMEOUTS, given.timeouts),
    storagePrefix: [(given.storage && given.storage.prefix) || 'shouyin', given.appid, baseUrl, ''].join(':'),
  };
}

function isId(paymentId) {
  return typeof paymentId === 'string' && paymentId !== '';
}

function checkedId(paymentId) {
  if (!isId(paymentId)) throw invalidId();
  return paymentId;
}

function invalidId() {
  return invalid('paymentId must be the id of a payment.');
}

function invalid(detail) {
  return shouyinError('invalid_argument', detail);
}

module.exports = { createShouyin, isShouyinError };
