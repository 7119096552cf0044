// The npm package wechatpay-node-v3, as published, sells by every product of APIv3 at our simulator.
//
// Every line printed is one check made by that package or on what it returned. Its code is not touched; that its requests come here is a
// setting of its own, for another HTTP client. The other client of APIv3 only has the parts that pay parameters are made of;
// this one composes them, names and all, and the simulator gets them as they are. It verifies notifications with platform
// certificates only, and answers never; and it has no payment codes.
//
// Usage: node referee-node-v3.mjs --merchant DIR

import { parseArgs } from 'node:util';

import Pay from 'wechatpay-node-v3';

import { judge } from './checks.mjs';
import { Control, Receiver, buyerInApps, readMerchant } from './desk.mjs';
import { AMOUNT_FEN, PRODUCTS, REFUND_FEN, REFUND_MS, newNumber, orderOf } from './products.mjs';

const WECHAT = 'https://api.mch.weixin.qq.com';
/** What the documentation lists for the phone, beside what is signed. */
const PARAMETERS = {
  jsapi: ['appId', 'nonceStr', 'package', 'paySign', 'signType', 'timeStamp'],
  app: ['appid', 'noncestr', 'package', 'partnerid', 'prepayid', 'sign', 'timestamp'],
  native: ['code_url'],
  h5: ['h5_url'],
};
const WAYS = { jsapi: '/cashier/open', app: '/cashier/app' };

class Referee {
  static async start(checks, merchant) {
    const referee = new Referee();
    Object.assign(referee, { checks, merchant, control: new Control(merchant.control_url) });
    await referee.control.must('/keys/switch', { to: 'certificate' });
    referee.pay = new Pay({
      appid: merchant.appid,
      mchid: merchant.mchid,
      publicKey: Buffer.from(merchant.text('apiclient_cert.pem')),
      privateKey: Buffer.from(merchant.text('apiclient_key.pem')),
      key: merchant.apiv3_key,
    });
    const here = (url) => url.replace(WECHAT, merchant.pay_base_url.replace(/\/$/, ''));
    const http = referee.pay.httpService;
    referee.pay.createHttp({
      get: (url, headers) => http.get(here(url), headers),
      post: (url, params, headers) => http.post(here(url), params, headers),
    });
    Object.assign(referee, await buyerInApps(referee.control, merchant));
    referee.receiver = await Receiver.start((headers, body) => referee.open(headers, body));
    return referee;
  }

  /** What a notification says, if the package believes it; else null. */
  async open(headers, body) {
    const genuine = await this.pay.verifySign({
      timestamp: headers['wechatpay-timestamp'],
      nonce: headers['wechatpay-nonce'],
      serial: headers['wechatpay-serial'],
      signature: headers['wechatpay-signature'],
      body,
      apiSecret: this.merchant.apiv3_key,
    });
    if (!genuine) return null;
    const { resource, ...envelope } = JSON.parse(body);
    const { ciphertext, nonce, associated_data: associated } = resource;
    return { ...envelope, resource: this.pay.decipher_gcm(ciphertext, associated, nonce, this.merchant.apiv3_key) };
  }

  async notification(event) {
    const arrived = await this.receiver.next();
    const opened = arrived?.accepted ? await this.open(arrived.headers, arrived.body) : null;
    this.same('the event that the package verifies and decrypts', opened?.event_type, event);
    if (!opened) return {};
    const forged = arrived.body.replace('"id"', '"id" ');
    this.same('what the package says of it with one byte more', await this.open(arrived.headers, forged), null);
    return opened.resource;
  }

  same(what, saw, expected) {
    return this.checks.same(`${this.product.name}: ${what}`, saw, expected);
  }

  async run() {
    try {
      for (const product of PRODUCTS) {
        Object.assign(this, { product, appid: this.appids[product.app], openid: this.openids[product.app] });
        await this.checks.part(`the product ${product.name}`, async () => {
          await this.sell();
          await this.close();
        });
      }
    } finally {
      this.receiver.close();
    }
  }

  /** The order call; what the package composes of its answer, and the number. */
  async order() {
    const body = orderOf(this.product, this);
    const { status, data, error } = await this.pay[`transactions_${this.product.path}`](body);
    this.same(`the status of the order call (${error ?? 'no error'})`, status, 200);
    this.same('what the package composes for the phone', Object.keys(data).sort(), PARAMETERS[this.product.path]);
    return { number: body.out_trade_no, given: data };
  }

  /** The cashier, opened with what the package composed and nothing else. */
  async cashier(given, user = 'buyer') {
    const way = WAYS[this.product.path];
    if (way) return this.control.post(way, { user, ...given });
    return this.control.post('/cashier/follow', { user, url: given[this.product.gives] });
  }

  async sell() {
    const { number, given } = await this.order();
    const { status, body: shown } = await this.cashier(given);
    this.same('the status of opening the cashier', status, 200);
    this.same('the amount that the cashier shows', shown.amount_fen, AMOUNT_FEN);
    const pay = { prepay_id: shown.prepay_id, user: 'buyer', action: 'pay' };
    this.same('what the cashier reports', (await this.control.must('/cashier/pay', pay)).errMsg, this.product.told);
    const told = await this.notification('TRANSACTION.SUCCESS');
    const { data: asked } = await this.pay.query({ out_trade_no: number });
    const { data: byId } = await this.pay.query({ transaction_id: told.transaction_id });
    this.same('what is told of the payment, when it is asked for by number', asked, told);
    this.same('what is told of the payment, when it is asked for by id', byId, told);
    const { trade_type: type, trade_state: state, appid, amount } = told;
    this.same('the order', [type, state, appid, amount.total], [this.product.tradeType, 'SUCCESS', this.appid, AMOUNT_FEN]);
    const refund = { out_trade_no: number, out_refund_no: newNumber(), notify_url: this.receiver.url };
    refund.amount = { refund: REFUND_FEN, total: AMOUNT_FEN, currency: 'CNY' };
    const first = await this.pay.refunds(refund);
    this.same('the status and state of a refund', [first.status, first.data?.status], [200, 'PROCESSING']);
    await this.control.must('/clock', { advance_ms: REFUND_MS });
    const { refund_id: id, refund_status: end } = await this.notification('REFUND.SUCCESS');
    this.same('the refund that is told', [id, end], [first.data?.refund_id, 'SUCCESS']);
    this.same('the state of the refund', (await this.pay.find_refunds(refund.out_refund_no)).data?.status, 'SUCCESS');
  }

  async close() {
    const { number, given } = await this.order();
    this.same('the status of close', (await this.pay.close(number)).status, 204);
    this.same('the state after close', (await this.pay.query({ out_trade_no: number })).data?.trade_state, 'CLOSED');
    this.same("the cashier's status of a closed order", (await this.cashier(given)).status, 422);
  }
}

const { values } = parseArgs({ options: { merchant: { type: 'string' } } });
if (!values.merchant) {
  console.error('usage: node referee-node-v3.mjs --merchant DIR');
  process.exit(2);
}
await judge('wechatpay-node-v3', async (checks) => {
  const referee = await Referee.start(checks, readMerchant(values.merchant));
  await referee.run();
});
