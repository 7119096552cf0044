'use strict';

const { cashierParameters, openCashier } = require('./cashier');
const { requireOurs } = require('./errors');
const { isFinal } = require('./payment');
const { wait } = require('./time');

// Refusals that are an answer to "was it paid?" and not a mistake in the program.
const REFUSALS = ['payment_closed', 'payer_mismatch'];

/** After this long at the cashier we look half as often: two questions still fit into five seconds. */
const WATCH_CLOSELY_MS = 60000;

/**
 * The flow of one payment: parameters, cashier, truth. `paid` comes from the server and from nowhere else.
 *
 * @param {object} parts wx, clock, timeouts, payments, storage
 * @returns {(id: string, onStage: (stage: import('./index').Stage) => void) => Promise<import('./index').PayResult>}
 */
function createPay({ wx, clock, timeouts, payments, storage }) {
  return async function pay(id, onStage) {
    onStage('preparing');
    let parameters;
    try {
      const answer = await payments.start(id);
      if (answer.state === 'paid') {
        storage.forget(id);
        return { state: 'paid', paymentId: id };
      }
      parameters = cashierParameters(answer.request_payment);
    } catch (error) {
      return notOpened(id, requireOurs(error));
    }

    // Before the cashier opens: from here on the app may be killed with the money moved.
    storage.remember(id);
    onStage('cashier');
    const end = await cashierOrServer(id, parameters);
    if (end.kind === 'final') return byServer(id, end.state, {});
    onStage('confirming');
    return end.kind === 'ok' ? afterOk(id) : afterRefusal(id, end);
  };

  /** Whoever speaks first: the cashier's callback, the server (callback lost, old phone), or the clock. */
  async function cashierOrServer(id, parameters) {
    const watch = watchServer(id);
    let timer;
    const silence = new Promise((resolve) => {
      timer = clock.setTimeout(() => resolve({ kind: 'silent', errMsg: '' }), timeouts.cashierMs);
    });
    const end = await Promise.race([openCashier(wx, parameters), watch.final, silence]);
    clock.clearTimeout(timer);
    watch.stop();
    return end;
  }

  function watchServer(id) {
    const since = clock.now();
    let stopped = false;
    let timer;
    const final = new Promise((resolve) => {
      async function look() {
        let state = '';
        try {
          state = await payments.ask(id);
        } catch (error) {
          // No news. While the cashier covers the app, WeChat interrupts requests; the next look is near, and the
          // question after the cashier closes reports what is really wrong.
          requireOurs(error);
        }
        if (isFinal(state)) resolve({ kind: 'final', state });
        else if (!stopped) next();
      }
      function next() {
        const close = clock.now() - since < WATCH_CLOSELY_MS;
        timer = clock.setTimeout(look, close ? timeouts.watchMs : timeouts.watchMs * 2);
      }
      next();
    });
    const stop = () => {
      stopped = true;
      clock.clearTimeout(timer);
    };
    return { final, stop };
  }

  /** The cashier says paid, which is not proof: ask until the server says so too. */
  async function afterOk(id) {
    let reason = 'not_confirmed';
    for (const delay of timeouts.confirmDelaysMs) {
      await wait(clock, delay);
      try {
        const state = await payments.ask(id);
        if (isFinal(state)) return byServer(id, state, {});
        reason = 'not_confirmed';
      } catch (error) {
        reason = requireOurs(error).code;
        if (!error.retryable) break;
      }
    }
    // Whatever went wrong, the cashier said ok: this must not look like an error the buyer can ignore.
    return { state: 'unknown', paymentId: id, reason };
  }

  /** Cancelled, failed or silent: money may have moved all the same, so one question before we say so. */
  async function afterRefusal(id, end) {
    const { state, reason } = await payments.confirm(id).catch((error) => ({ state: 'unknown', reason: requireOurs(error).code }));
    const errMsg = end.errMsg ? { errMsg: end.errMsg } : {};
    if (isFinal(state)) return byServer(id, state, errMsg);
    if (state === 'unknown') return Object.assign({ state, paymentId: id, reason }, errMsg);
    if (end.kind === 'cancel') return Object.assign({ state: 'cancelled', paymentId: id }, errMsg);
    if (end.kind === 'fail') return Object.assign({ state: 'failed', paymentId: id, reason: 'cashier_failed' }, errMsg);
    // The cashier may still be open, so nothing is decided.
    return { state: 'unknown', paymentId: id, reason: 'cashier_silent' };
  }
}

/** The server's final word. A closed payment cannot be paid any more: it was closed at WeChat. */
function byServer(id, state, errMsg) {
  if (state === 'paid') return { state: 'paid', paymentId: id };
  return Object.assign({ state: 'failed', paymentId: id, reason: 'payment_closed' }, errMsg);
}

/** The cashier did not open this time. An earlier try may still have paid, so no answer is `unknown`. */
function notOpened(id, error) {
  if (REFUSALS.indexOf(error.code) >= 0) return { state: 'failed', paymentId: id, reason: error.code };
  if (error.retryable) return { state: 'unknown', paymentId: id, reason: error.code };
  throw error;
}

module.exports = { createPay };
