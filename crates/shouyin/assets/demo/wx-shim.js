// WeChat's `wx` object for this page: requests and storage from the package's browser part, and what is WeChat's own
// (login, cashier) wired to the simulator. As strict as a phone where strictness finds bugs, with WeChat's errMsg texts.

import { createBrowserWx } from "/demo/package/browser/wx.js";

const SIGNED_FIELDS = ["timeStamp", "nonceStr", "package", "signType", "paySign"];
const NONCE_LIMIT = 32;

/**
 * @param config `{ appid, user, wechat_base }` from /demo/config.json
 * @param showCashier `(order, act) => Promise<errMsg>`: draws the cashier; `act(action)` performs one action at WeChat and
 *   answers `{ errMsg, reason? }`, where no errMsg means that the cashier stays open
 * @param showToast `(title) => void`
 */
export function createWx({ config, showCashier, showToast }) {
  const atWechat = (path, body) => postJson(`${config.wechat_base}${path}`, body);
  return {
    // Storage per tab, so that two tabs are two phones.
    ...createBrowserWx({ storage: sessionStorage }),
    login: (options = {}) => answered("login", options, () => login(config, atWechat)),
    checkSession: (options = {}) => answered("checkSession", options, async () => ({})),
    requestPayment: (options) => answered("requestPayment", options, () => requestPayment({ options, config, atWechat, showCashier })),
    showToast: (options) => answered("showToast", options, async () => void showToast(options.title)),
  };
}

/** A failure as WeChat reports it: `fail` gets `{ errMsg }`. */
class WxFailure extends Error {}

// WeChat's calling convention: callbacks when any is given, else a promise; `complete` comes last.
function answered(name, options, run) {
  const settled = run().then(
    (result) => ({ good: true, result: { errMsg: `${name}:ok`, ...result } }),
    (error) => {
      const known = error instanceof WxFailure ? error.message : `fail ${error.message}`;
      return { good: false, result: { errMsg: `${name}:${known}` } };
    },
  );
  if (!options.success && !options.fail && !options.complete) {
    return settled.then(({ good, result }) => (good ? result : Promise.reject(result)));
  }
  settled.then(({ good, result }) => {
    if (good) options.success?.(result);
    else options.fail?.(result);
    options.complete?.(result);
  });
  return undefined;
}

async function login(config, atWechat) {
  const answer = await atWechat("/login-codes", { appid: config.appid, user: config.user });
  if (answer.status !== 200) throw new WxFailure(`fail ${answer.body?.errMsg ?? `HTTP ${answer.status}`}`);
  // A phone gets the code and nothing else: the simulator's openid stays out of the mini program's reach.
  return { code: answer.body.code };
}

async function requestPayment({ options, config, atWechat, showCashier }) {
  const signed = checkedParameters(options);
  const buyer = { appid: config.appid, user: config.user };
  const opened = await atWechat("/cashier/open", { ...buyer, ...signed });
  if (opened.status !== 200) throw new WxFailure(withoutName(opened.body?.errMsg) ?? `fail HTTP ${opened.status}`);
  const order = opened.body;
  const errMsg = await showCashier(order, async (action) => {
    const answer = await atWechat("/cashier/pay", { prepay_id: order.prepay_id, user: config.user, action });
    if (answer.status === 200) return answer.body;
    return { errMsg: `requestPayment:fail HTTP ${answer.status}`, ...answer.body };
  });
  if (errMsg !== "requestPayment:ok") throw new WxFailure(withoutName(errMsg));
  return {};
}

const withoutName = (errMsg) => errMsg?.replace(/^requestPayment:/, "");

// Phones refuse a number where a text is documented ("missing parameter timeStamp"), so this does too.
function checkedParameters(options) {
  for (const field of SIGNED_FIELDS) {
    if (typeof options[field] !== "string" || options[field] === "") {
      throw new WxFailure(`fail parameter error: parameter.${field} should be String`);
    }
  }
  if (!/^\d{10}$/.test(options.timeStamp)) throw new WxFailure("fail parameter error: timeStamp is seconds since 1970");
  if (options.nonceStr.length > NONCE_LIMIT) throw new WxFailure("fail parameter error: nonceStr is longer than 32");
  if (!options.package.startsWith("prepay_id=")) throw new WxFailure("fail parameter error: package must be prepay_id=...");
  if (options.signType !== "RSA") throw new WxFailure("fail parameter error: signType of an APIv3 order is RSA");
  return Object.fromEntries(SIGNED_FIELDS.map((field) => [field, options[field]]));
}

async function postJson(url, body) {
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}
