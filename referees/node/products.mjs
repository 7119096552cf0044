// The ways to pay that begin with an order: each from the order call over the buyer's phone to the refund, and once to being closed.

import { randomUUID } from 'node:crypto';

import plugin from 'wechatpay-axios-plugin';

import { answerOrRejection } from './checks.mjs';

const { Formatter, Rsa } = plugin;
export const AMOUNT_FEN = 2680;
export const REFUND_FEN = 680;
const COUPON_FEN = 80;
const ATTACH = 'table=9';
/** A refund takes three seconds. */
export const REFUND_MS = 5_000;
const STORE = { id: '0001', name: '茶馆', area_code: '440305', address: '科技中一道10000号' };
const SCENE = { payer_client_ip: '203.0.113.9', device_id: 'till-9', store_info: STORE };
const BROWSER = { ...SCENE, payer_client_ip: '2001:db8::9', h5_info: { type: 'iOS', app_name: '茶馆', bundle_id: 'com.example.tea' } };

/**
 * One way to pay: the last part of the order call's path, which of the merchant's apps, the only member of the answer,
 * and what the cashier reports to who opened it (QR codes and browsers are told nothing).
 */
const product = (name, path, tradeType, app, gives, told, special = {}) => ({ name, path, tradeType, app, gives, told, special });
export const MINI_PROGRAM = product('mini program', 'jsapi', 'JSAPI', 'miniProgram', 'prepay_id', 'requestPayment:ok');
const PAGE = product('page', 'jsapi', 'JSAPI', 'officialAccount', 'prepay_id', 'get_brand_wcpay_request:ok');
const NATIVE = product('native', 'native', 'NATIVE', 'officialAccount', 'code_url', null);
const APP = product('app', 'app', 'APP', 'mobileApp', 'prepay_id', 'errCode:0');
const H5 = product('h5', 'h5', 'MWEB', 'miniProgram', 'h5_url', null, { scene_info: BROWSER });
export const PRODUCTS = [MINI_PROGRAM, PAGE, NATIVE, APP, H5];

export const newNumber = () => `js${randomUUID().replaceAll('-', '').slice(0, 20)}`;

/** Half an hour from now, as WeChat writes times. */
function halfAnHour() {
  const beijing = new Date(Date.now() + (8 * 60 + 30) * 60_000);
  return `${beijing.toISOString().slice(0, 19)}+08:00`;
}

/** The body of an order call with everything that it may have, for the seller's app and the buyer's openid there, and what is changed in it. */
export function orderOf(one, { appid, openid, merchant, receiver }, changed = {}) {
  return {
    appid,
    mchid: merchant.mchid,
    description: '拿铁 café',
    out_trade_no: newNumber(),
    time_expire: halfAnHour(),
    attach: ATTACH,
    notify_url: receiver.url,
    goods_tag: 'WXG',
    support_fapiao: false,
    amount: { total: AMOUNT_FEN, currency: 'CNY' },
    detail: {
      cost_price: AMOUNT_FEN,
      invoice_id: 'receipt-9',
      goods_detail: [{ merchant_goods_id: 'latte', wechatpay_goods_id: '1001', goods_name: '拿铁', quantity: 2, unit_price: 1340 }],
    },
    scene_info: SCENE,
    settle_info: { profit_sharing: false },
    ...(one.tradeType === 'JSAPI' ? { payer: { openid } } : {}),
    ...one.special,
    ...changed,
  };
}

/** Orders of one product, and what the package says of them. */
export class Sale {
  constructor(referee, one) {
    const { wxpay, control, merchant, receiver } = referee;
    Object.assign(this, { referee, product: one, wxpay, control, merchant, receiver });
    this.appid = referee.appids[one.app];
    this.openid = referee.openids[one.app];
    this.transactions = wxpay.v3.pay.transactions;
  }

  // Checks, with the product's name in front of each.

  that(what, holds, saw) {
    return this.referee.checks.that(`${this.product.name}: ${what}`, holds, saw);
  }

  same(what, saw, expected) {
    return this.referee.checks.same(`${this.product.name}: ${what}`, saw, expected);
  }

  /** A call that must be refused with this status and code. */
  async refused(what, promise, status, code) {
    const { status: saw, data } = await answerOrRejection(promise);
    this.same(`the status and code of ${what}`, [saw, data?.code], [status, code]);
  }

  // Calls.

  body(changed) {
    return orderOf(this.product, this, changed);
  }

  call(body) {
    return this.transactions[this.product.path].post(body);
  }

  /** An order that must be taken: its body, and what the buyer needs to find the cashier. */
  async order(changed = {}) {
    const body = this.body(changed);
    const { status, data } = await this.call(body);
    this.same('the status of the order call', status, 200);
    this.same('the members of its answer', Object.keys(data), [this.product.gives]);
    return { body, number: body.out_trade_no, handle: data[this.product.gives] };
  }

  async query(number) {
    return this.referee.query(number);
  }

  async state(number) {
    return (await this.query(number)).trade_state;
  }

  close(number) {
    return this.transactions.outTradeNo._out_trade_no_.close.post({ mchid: this.merchant.mchid }, { out_trade_no: number });
  }

  reverse(number) {
    const body = { appid: this.appid, mchid: this.merchant.mchid };
    return this.transactions.outTradeNo._out_trade_no_.reverse.post(body, { out_trade_no: number });
  }

  // The buyer.

  /** What opens the cashier on the phone, signed by the package: over `signed`, if the last line is to be another. */
  parameters(handle, signed) {
    const { appid } = this;
    const [time, nonce] = [`${Formatter.timestamp()}`, Formatter.nonce()];
    const sign = (last) => Rsa.sign(Formatter.joinedByLineFeed(appid, time, nonce, last), this.merchant.text('apiclient_key.pem'));
    if (this.product === APP) {
      return {
        appid, partnerid: this.merchant.mchid, prepayid: handle, package: 'Sign=WXPay', noncestr: nonce, timestamp: time,
        sign: sign(signed ?? handle),
      };
    }
    const prepayPackage = `prepay_id=${handle}`;
    return { appid, timeStamp: time, nonceStr: nonce, package: prepayPackage, signType: 'RSA', paySign: sign(signed ?? prepayPackage) };
  }

  /** The cashier as the buyer sees it, reached this product's way. */
  open(handle, user = 'buyer', changed = {}) {
    if (this.product.gives !== 'prepay_id') return this.control.post('/cashier/follow', { user, url: handle });
    const way = this.product === APP ? '/cashier/app' : '/cashier/open';
    return this.control.post(way, { user, ...this.parameters(handle), ...changed });
  }

  async pay(handle, coupon = {}) {
    const { status, body: shown } = await this.open(handle);
    this.same('the status of opening the cashier', status, 200);
    this.same('the amount that the cashier shows', shown.amount_fen, AMOUNT_FEN);
    const pay = { prepay_id: shown.prepay_id, user: 'buyer', action: 'pay', ...coupon };
    this.same('what the cashier reports', (await this.control.must('/cashier/pay', pay)).errMsg, this.product.told);
  }

  // The life of an order.

  async run() {
    const order = await this.order();
    this.same('the state before payment', await this.state(order.number), 'NOTPAY');
    await this.checkDoors(order.handle);
    await this.pay(order.handle, { coupon_fen: COUPON_FEN, coupon_no_cash: true });
    const paid = await this.checkPayment(order);
    await this.checkRefund(paid);
    await this.checkClose();
  }

  /** What does not open the cashier: a signature over something else, and somebody else's phone. */
  async checkDoors(handle) {
    if (this.product.gives === 'prepay_id') {
      // The bare number is what apps sign; with its name in front it is what pages and mini programs sign.
      const other = this.parameters(handle, this.product === APP ? `prepay_id=${handle}` : handle);
      this.same("the cashier's status for a signature over the other text", (await this.open(handle, 'buyer', other)).status, 422);
      const moved = this.product === APP ? { noncestr: 'n' } : { nonceStr: 'n' };
      this.same("the cashier's status for another nonce than was signed", (await this.open(handle, 'buyer', moved)).status, 422);
    }
    if (this.product.tradeType === 'JSAPI') {
      this.same("the cashier's status for another user", (await this.open(handle, 'stranger')).status, 422);
    }
  }

  async checkPayment({ body, number }) {
    const { appid, mchid } = body;
    const notice = await this.referee.notification('TRANSACTION.SUCCESS');
    const byNumber = await this.query(number);
    const { data: byId } = await this.transactions.id._transaction_id_
      .get({ params: { mchid }, transaction_id: byNumber.transaction_id });
    const expected = {
      appid, mchid, out_trade_no: number, transaction_id: byNumber.transaction_id, trade_type: this.product.tradeType,
      trade_state: 'SUCCESS', attach: ATTACH, success_time: byNumber.success_time,
    };
    const openid = this.openid ?? byNumber.payer?.openid;
    const known = Object.keys(this.referee.openids).filter((app) => this.referee.openids[app] === openid);
    // Another app knows the buyer by another name.
    this.same('the apps in which the payer is known by this openid', known, this.openid ? [this.product.app] : []);
    for (const [source, seen] of Object.entries({ notification: notice, 'query by number': byNumber, 'query by id': byId })) {
      for (const [name, value] of Object.entries(expected)) this.same(`${name} in the ${source}`, seen[name], value);
      const amount = { total: AMOUNT_FEN, payer_total: AMOUNT_FEN - COUPON_FEN, currency: 'CNY', payer_currency: 'CNY' };
      this.same(`the amount in the ${source}`, seen.amount, amount);
      this.same(`the coupon in the ${source}`, seen.promotion_detail?.map((one) => one.amount), [COUPON_FEN]);
      this.same(`the terminal in the ${source}`, seen.scene_info?.device_id, SCENE.device_id);
      this.same(`the payer in the ${source}`, seen.payer?.openid, openid);
    }
    await this.refused('ordering under a paid number', this.call(body), 400, 'ORDER_PAID');
    await this.refused('closing a paid order', this.close(number), 400, 'ORDER_PAID');
    return byNumber;
  }

  async checkRefund(paid) {
    const number = newNumber();
    const refunds = this.wxpay.v3.refund.domestic.refunds;
    const refund = {
      transaction_id: paid.transaction_id, out_refund_no: number, reason: 'one cup was cold', notify_url: this.receiver.url,
      amount: { refund: REFUND_FEN, total: AMOUNT_FEN, currency: 'CNY' },
    };
    const { status, data: first } = await refunds.post(refund);
    this.same('the status of refund', status, 200);
    this.that('a refund has a refund_id', first.refund_id, first);
    this.same('the state in which a refund begins', first.status, 'PROCESSING');
    this.same("the refund's order", first.out_trade_no, paid.out_trade_no);
    const { data: again } = await refunds.post(refund);
    this.same('the refund_id when asked again', again.refund_id, first.refund_id);
    const tooMuch = { ...refund, out_refund_no: `${number}x`, amount: { ...refund.amount, refund: AMOUNT_FEN } };
    const refusal = await answerOrRejection(refunds.post(tooMuch));
    this.that('a refund above what is left is refused', refusal.status >= 400 && refusal.status < 500, refusal);
    await this.control.must('/clock', { advance_ms: REFUND_MS });
    const notice = await this.referee.notification('REFUND.SUCCESS');
    this.same('refund_status in the notification', notice.refund_status, 'SUCCESS');
    this.same("the refund's amount in the notification", notice.amount?.refund, REFUND_FEN);
    this.same("the refund's order in the notification", notice.out_trade_no, paid.out_trade_no);
    const { data: asked } = await refunds._out_refund_no_.get({ out_refund_no: number });
    this.same("the refund's state", asked.status, 'SUCCESS');
    this.same("the refund's amount", asked.amount?.refund, REFUND_FEN);
    this.same("the order's state after a refund", await this.state(paid.out_trade_no), 'REFUND');
  }

  async checkClose() {
    const { body, number, handle } = await this.order({ description: 'closed before it was paid' });
    const otherAmount = { ...body, amount: { total: AMOUNT_FEN + 1, currency: 'CNY' } };
    await this.refused('the number again for another amount', this.call(otherAmount), 403, 'OUT_TRADE_NO_USED');
    const fresh = (await this.call(body)).data[this.product.gives];
    if (this.product === NATIVE) {
      this.same("the cashier's status for a QR code that was replaced", (await this.open(handle)).status, 422);
    }
    if (this.product.tradeType !== 'JSAPI') {
      this.same("the cashier's status for the first user", (await this.open(fresh)).status, 200);
      this.same("the cashier's status for the next user", (await this.open(fresh, 'stranger')).status, 422);
    }
    for (const time of ['close', 'close again']) {
      this.same(`the status of ${time}`, (await this.close(number)).status, 204);
    }
    this.same('the state after close', await this.state(number), 'CLOSED');
    this.same("the cashier's status of a closed order", (await this.open(fresh)).status, 422);
    await this.refused('ordering under a closed number', this.call(body), 400, 'ORDER_CLOSED');
    await this.refused('reversing what was not paid by code', this.reverse(number), 400, 'INVALID_REQUEST');
  }
}

/** What does not fit together. */
export async function checkMismatches(referee) {
  const [page, native, app, h5] = [PAGE, NATIVE, APP, H5].map((one) => new Sale(referee, one));
  const refused = (sale, what, changed, status, code) => sale.refused(what, sale.call(sale.body(changed)), status, code);
  const { appids, openids } = referee;
  const payer = { openid: openids.miniProgram };
  await refused(page, 'an openid of another app', { payer }, 400, 'INVALID_REQUEST');
  await refused(page, 'no openid', { payer: undefined }, 400, 'PARAM_ERROR');
  await refused(page, 'the app of mobile phones', { appid: appids.mobileApp }, 400, 'INVALID_REQUEST');
  await refused(app, 'the app of an official account', { appid: appids.officialAccount }, 400, 'INVALID_REQUEST');
  await refused(native, 'an app of somebody else', { appid: 'wx0123456789abcdef' }, 400, 'APPID_MCHID_NOT_MATCH');
  await refused(native, 'a payer', { payer }, 400, 'PARAM_ERROR');
  await refused(h5, 'no scene_info', { scene_info: undefined }, 400, 'PARAM_ERROR');
  await refused(h5, 'another kind of browser', { scene_info: { ...BROWSER, h5_info: { type: 'iOSAndroidWap' } } }, 400, 'PARAM_ERROR');
}
