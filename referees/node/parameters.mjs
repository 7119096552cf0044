// The npm packages wechatpay-node-v3 (APIv3) and tenpay (the older protocol), as published, compose the parameters that open the cashier,
// and get exactly what our server gave out; wechatpay-axios-plugin signs them again: node parameters.mjs FILE
//
// FILE has one set of parameters a line, with the key that must have signed it. The packages' code is not touched; only the clock
// that they read and the dice that they throw are set to what our server saw.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';

import Tenpay from 'tenpay';
import plugin from 'wechatpay-axios-plugin';
import Pay from 'wechatpay-node-v3';

import { judge } from './checks.mjs';

const { Formatter, Hash, Rsa } = plugin;
const dice = createRequire(import.meta.url)('tenpay/lib/util');

/** Runs at the time and with the random text of these parameters. */
async function as({ timeStamp, timestamp, nonceStr, noncestr }, run) {
  const at = Number(timeStamp ?? timestamp) * 1000;
  const nonce = nonceStr ?? noncestr;
  const before = { Date: globalThis.Date, random: Math.random, generate: dice.generate };
  globalThis.Date = class extends before.Date {
    constructor() {
      super(at);
    }

    static now() {
      return at;
    }
  };
  // wechatpay-node-v3 cuts its random text out of the digits of a number.
  Math.random = () => ({ toString: () => ({ substr: () => nonce }) });
  dice.generate = () => nonce;
  try {
    return await run();
  } finally {
    globalThis.Date = before.Date;
    Math.random = before.random;
    dice.generate = before.generate;
  }
}

/** What wechatpay-node-v3 composes of a prepay_id, which is all that it hears of WeChat here. */
async function composedV3({ product, key, appid, mchid, prepay_id: id }) {
  const pay = new Pay({ appid, mchid, publicKey: Buffer.from('not asked'), serial_no: 'not asked', privateKey: Buffer.from(key) });
  pay.createHttp({ post: async () => ({ status: 200, data: { prepay_id: id } }) });
  return (await (product === 'app' ? pay.transactions_app({}) : pay.transactions_jsapi({}))).data;
}

/** What tenpay composes of a prepay_id. */
function composedV2({ product, key, sign_type: signType, appid, mchid, prepay_id: id }) {
  const api = new Tenpay({ appid, mchid, partnerKey: key, notify_url: 'https://shop.example.com' });
  if (product === 'app') return api.getAppParamsByPrepay({ prepay_id: id }, signType);
  // It repeats the time for the older JS-SDK, which is not asked for.
  const { timestamp: _, ...parameters } = api.getPayParamsByPrepay({ prepay_id: id }, signType);
  return parameters;
}

/** The signature, made of what our server gave out. */
function signedAgain({ product, key, sign_type: signType, appid, prepay_id: id, parameters }) {
  const { sign, paySign, ...fields } = parameters;
  // A mini program does not get to see its own appid, which is signed all the same.
  if (signType !== 'RSA') return Hash.sign(signType, product === 'app' ? fields : { appId: appid, ...fields }, key);
  const lines = product === 'app' ? [fields.timestamp, fields.noncestr, id] : [fields.timeStamp, fields.nonceStr, fields.package];
  return Rsa.sign(Formatter.joinedByLineFeed(appid, ...lines), key);
}

const [file] = process.argv.slice(2);
await judge('what opens the cashier', async (checks) => {
  const given = readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  checks.same('the number of sets', given.length, 9);
  for (const one of given) {
    const what = `${one.product}, ${one.sign_type}`;
    const composed = await as(one.parameters, () => (one.sign_type === 'RSA' ? composedV3(one) : composedV2(one)));
    if (one.product === 'mini_program') delete composed.appId;
    checks.that(`${what}: what the package composes is what our server gave out`, isDeepStrictEqual(composed, one.parameters), composed);
    const again = signedAgain(one);
    checks.that(`${what}: the signature, made again, is the same`, again === (one.parameters.sign ?? one.parameters.paySign), again);
    const other = { ...one.parameters, [one.product === 'app' ? 'noncestr' : 'nonceStr']: 'another' };
    checks.that(`${what}: another nonce has another signature`, signedAgain({ ...one, parameters: other }) !== (other.sign ?? other.paySign));
  }
});
