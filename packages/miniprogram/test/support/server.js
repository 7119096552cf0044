'use strict';

const assert = require('node:assert/strict');

const REQUEST_PAYMENT = {
  timeStamp: '1700000000',
  nonceStr: '5K8264ILTKCH16CQ2502SI8ZNMTM67VS',
  package: 'prepay_id=wx201410272009395522657a690389285100',
  signType: 'RSA',
  paySign: 'oR9d8PuhnIc+YZ8cBHFCwfgpaK9gd7vaRvkYD7rthRAZ',
};

/**
 * The mini-program API of a Shouyin server, in memory. It knows the truth (`moneyMoved`) and can be told to misbehave:
 * `fault(route, what)` for the next request of a route, with `what` one of
 *   { status, code }  a problem document        { network: errMsg }  the request never arrives
 *   { lost: errMsg }  done, but the answer is lost        { answer }  this answer instead        { silent: true }  no callback
 *   { slowMs }  done, and the answer takes that much longer
 */
function createServer() {
  const payments = new Map();
  const faults = { login: [], pay: [], confirm: [], view: [] };
  const log = [];
  const tokens = new Set();
  let logins = 0;

  const server = {
    log,
    payments,
    requestPayment: REQUEST_PAYMENT,
    count: (route) => log.filter((entry) => entry.route === route).length,
    addPayment(id, more) {
      payments.set(id, { id, state: 'open', moneyMoved: false, amount_fen: 2800, description: 'Latte', ...more });
      return server;
    },
    fault(route, ...what) {
      faults[route].push(...what);
      return server;
    },
    forgetSessions: () => tokens.clear(),

    /** @returns {{ network?: string, silent?: boolean, status?: number, data?: unknown, slowMs?: number }} */
    handle(method, path, header, body) {
      const entry = { ...matched(method, path), method, path, header, body };
      log.push(entry);
      const fault = faults[entry.route].shift();
      if (fault && fault.network) return { network: fault.network };
      if (fault && fault.silent) return { silent: true };
      if (fault && fault.answer) return fault.answer;
      if (fault && fault.status) return problem(fault.status, fault.code);
      const answer = entry.route === 'login' ? login(body) : guarded(entry);
      if (fault && fault.slowMs) return { ...answer, slowMs: fault.slowMs };
      return fault && fault.lost ? { network: fault.lost } : answer;
    },
  };

  function login(body) {
    assert.deepEqual(Object.keys(body).sort(), ['appid', 'code'], 'login sends the appid and the code, nothing else');
    logins += 1;
    const token = 'token-' + logins;
    tokens.add(token);
    return { status: 200, data: { session_token: token, expires_at: '2030-01-01T00:00:00Z' } };
  }

  function guarded(entry) {
    if (entry.method === 'POST') assert.deepEqual(entry.body, {}, 'a payment is only named: no price, no openid');
    const token = String(entry.header.authorization).replace(/^Bearer /, '');
    if (!tokens.has(token)) return problem(401, 'session_invalid');
    const payment = payments.get(entry.id);
    if (!payment) return problem(404, 'payment_not_found');
    return { view, pay, confirm }[entry.route](payment);
  }

  function view({ moneyMoved, ...payment }) {
    return { status: 200, data: payment };
  }

  function pay(payment) {
    learn(payment);
    if (payment.state === 'paid') return { status: 200, data: { state: 'paid' } };
    if (payment.state !== 'open') return problem(409, 'payment_closed');
    return { status: 200, data: { state: 'ready', request_payment: server.requestPayment } };
  }

  function confirm(payment) {
    learn(payment);
    return { status: 200, data: { state: payment.state } };
  }

  return server;
}

/** Asking WeChat: late money wins over every other state. */
function learn(payment) {
  if (payment.moneyMoved) payment.state = 'paid';
}

function matched(method, path) {
  if (method === 'POST' && path === '/mp/v1/login') return { route: 'login' };
  const [, id, action] = /^\/mp\/v1\/payments\/([^/]+)(\/pay|\/confirm)?$/.exec(path) || [];
  const route = { 'GET ': 'view', 'POST /pay': 'pay', 'POST /confirm': 'confirm' }[method + ' ' + (action || '')];
  assert.ok(id && route, 'no such route: ' + method + ' ' + path);
  return { route, id: decodeURIComponent(id) };
}

function problem(status, code) {
  const data = { type: 'about:blank', title: code, status, code, detail: 'Because of ' + code };
  return { status, data: code ? data : '<html>nginx</html>' };
}

module.exports = { createServer };
