'use strict';

const { shouyinError } = require('./errors');

const FIELDS = ['timeStamp', 'nonceStr', 'package', 'signType', 'paySign'];

/**
 * Only the five signed fields, each a string: some phones refuse a numeric timeStamp as "missing parameter".
 *
 * @param {any} answer the server's request_payment
 */
function cashierParameters(answer) {
  const parameters = {};
  for (const field of FIELDS) {
    const value = answer ? answer[field] : undefined;
    if (typeof value !== 'string' || value === '') {
      throw shouyinError('invalid_answer', 'request_payment.' + field + ' must be a text.', { retryable: true });
    }
    parameters[field] = value;
  }
  return parameters;
}

/**
 * Opens WeChat's cashier. What it reports is a hint, never proof; it may also never report (the promise then stays open).
 *
 * @param {import('./index').Wx} wx
 * @param {object} parameters from cashierParameters
 * @returns {Promise<{ kind: 'ok' | 'cancel' | 'fail', errMsg: string }>} never rejects
 */
function openCashier(wx, parameters) {
  return new Promise((resolve) => {
    const ended = (result) => resolve({ kind: kindOf(result.errMsg), errMsg: result.errMsg });
    try {
      // `complete` too: WeChat 6.5.2 and older reports a cancel there and nowhere else.
      wx.requestPayment(Object.assign({}, parameters, { success: ended, fail: ended, complete: ended }));
    } catch (error) {
      resolve({ kind: 'fail', errMsg: String(error && error.message) });
    }
  });
}

function kindOf(errMsg) {
  const text = String(errMsg);
  if (/^requestPayment:ok/.test(text)) return 'ok';
  return /^requestPayment:(fail[ :]*)?cancel/.test(text) ? 'cancel' : 'fail';
}

module.exports = { cashierParameters, openCashier };
