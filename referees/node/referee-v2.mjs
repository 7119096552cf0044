// Published clients of the older protocol live through a shop's day at our simulator.
//
// Every line printed is one check made by the package or on what it returned. Its code is not touched.
//
// Usage: NODE_EXTRA_CA_CERTS=DIR/simulator_ca.pem \
//   node referee-v2.mjs --package wechatpay-axios-plugin|tenpay --sign-type MD5|HMAC-SHA256 --merchant DIR

import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';

import { judge } from './checks.mjs';
import { CLIENTS, Disbelieved, Refused } from './clients-v2.mjs';
import { Control, Receiver, readMerchant } from './desk.mjs';

const AMOUNT_FEN = 2680;
const REFUND_FEN = 680;
const COUPON_FEN = 500;
/** With everything that has a meaning in XML, and with characters of two and three bytes. */
const ATTACH = 'table=9 & <杯> café';
const [SHOP_IP, BUYER_IP] = ['192.0.2.8', '203.0.113.9'];
const BROWSER = JSON.stringify({ h5_info: { type: 'Wap', wap_url: 'https://shop.example.com', wap_name: '茶馆' } });
const [SECOND_MS, MINUTE_MS, HOUR_MS] = [1_000, 60_000, 3_600_000];
/** A notification that was not accepted is sent again after 15 s; a refund takes three. */
const [FIRST_RETRY_MS, REFUND_MS] = [16 * SECOND_MS, 5 * SECOND_MS];
/** The bill of a day is there at ten o'clock on the next. */
const BILL_MS = 34 * HOUR_MS;

class Referee {
  static async start(checks, merchant, Client, signType) {
    const referee = new Referee();
    const control = new Control(merchant.control_url);
    Object.assign(referee, { checks, merchant, Client, signType, control, wxpay: new Client(merchant, signType), paid: [] });
    // Orders for mobile apps take no other kind of app.
    referee.mobile = new Client({ ...merchant, appid: merchant.mobile_app.appid }, signType);
    referee.receiver = await Receiver.start((headers, body) => referee.told(body).open(body), 'v2');
    return referee;
  }

  async run() {
    try {
      // WeChat's clock stands still and is moved by hand, so that no check depends on how fast this machine is.
      await this.control.must('/clock', { rate: 0 });
      await this.stayInOneDay();
      await this.prepareFor(this.Client.name);
      const { appid } = this.merchant;
      this.openid = (await this.control.must('/login-codes', { appid, user: 'buyer' })).openid;
      for (const tradeType of ['JSAPI', 'NATIVE', 'APP', 'MWEB']) await this.checkPayment(tradeType);
      await this.checkCoupon();
      await this.checkRefunds(this.paid[0]);
      await this.checkClose();
      await this.checkTill();
      await this.checkRefusals(this.paid[1]);
      await this.checkTraps();
      await this.checkWhatMayChange();
      // Last, because it moves the clock out of the lives of all orders.
      await this.checkBills();
    } finally {
      this.receiver.close();
    }
  }

  advance(milliseconds) {
    return this.control.must('/clock', { advance_ms: milliseconds });
  }

  assume(assumptions) {
    return this.control.must('/assumptions', assumptions, 'PATCH');
  }

  /** All trades must be in one bill, whenever this runs: not the last half hour of a day in Beijing. */
  async stayInOneDay() {
    const day = (ms) => new Date(ms + 8 * HOUR_MS).toISOString().slice(0, 10);
    if (day(Date.now()) !== day(Date.now() + 30 * MINUTE_MS)) await this.advance(30 * MINUTE_MS);
  }

  /** tenpay takes a notification for MD5 unless it names its sign type, which is an optional field. */
  async prepareFor(client) {
    if (client === 'TenpayClient' && this.signType !== 'MD5') await this.assume({ notification_extra_members: true });
  }

  number() {
    return `js2${randomUUID().replaceAll('-', '').slice(0, 20)}`;
  }

  /** A call that must be refused: with a code, and then signed; or without, and then not. What was answered, if the package says. */
  async refused(what, code, call) {
    const error = await rejection(call);
    this.checks.same(`whether ${what} is refused`, error instanceof Refused, true);
    this.checks.same(`the code of ${what}`, error?.code, code);
    const fields = error?.fields;
    if (fields) {
      const signed = 'sign' in fields && this.wxpay.isSigned(fields);
      this.checks.same(`whether the refusal of ${what} is signed`, signed, Boolean(code));
    }
    return fields ?? {};
  }

  /** The client for this kind of order. */
  of(tradeType) {
    return tradeType === 'APP' ? this.mobile : this.wxpay;
  }

  /** The client that is told. */
  told(body) {
    return body.includes(this.mobile.merchant.appid) ? this.mobile : this.wxpay;
  }

  query(number, tradeType) {
    return this.of(tradeType).call('pay/orderquery', { out_trade_no: number });
  }

  async order(tradeType, more = {}) {
    const number = more.out_trade_no ?? this.number();
    const special = {
      JSAPI: { openid: this.openid },
      NATIVE: { product_id: 'latte' },
      APP: {},
      MWEB: { scene_info: BROWSER, spbill_create_ip: BUYER_IP },
    }[tradeType];
    const order = await this.of(tradeType).call('pay/unifiedorder', {
      trade_type: tradeType, body: '茶馆-拿铁 café', total_fee: AMOUNT_FEN, out_trade_no: number, attach: ATTACH,
      notify_url: this.receiver.url, spbill_create_ip: SHOP_IP, ...special, ...more,
    });
    this.checks.same(`trade_type of an order ${tradeType}`, order.trade_type, tradeType);
    this.checks.that('it has a prepay_id', order.prepay_id, order);
    return { number, tradeType, ...order };
  }

  /** The cashier as the buyer sees it, reached the way of this kind of order. */
  cashier(order, wxpay = this.of(order.tradeType)) {
    if (order.tradeType === 'JSAPI') {
      const { appId: appid, ...signed } = wxpay.payment(order.prepay_id);
      return this.control.post('/cashier/open', { user: 'buyer', appid, ...signed });
    }
    if (order.tradeType === 'APP') {
      return this.control.post('/cashier/app', { user: 'buyer', ...wxpay.appPayment(order.prepay_id) });
    }
    return this.control.post('/cashier/follow', { user: 'buyer', url: order.code_url ?? order.mweb_url });
  }

  async pay(order, coupon = {}) {
    const done = await this.control.must('/cashier/pay', { prepay_id: order.prepay_id, user: 'buyer', action: 'pay', ...coupon });
    this.checks.same('the state at the cashier', done.trade_state, 'SUCCESS');
  }

  /** The next notification: its body, and what it says if the package believes it. */
  async notification(what) {
    const arrived = await this.receiver.next();
    if (!this.checks.that(`${what} is told`, arrived)) return { body: '', told: {} };
    this.checks.same(`whether the package believes what is told of ${what}`, arrived.accepted, true);
    return { body: arrived.body, told: (await this.told(arrived.body).open(arrived.body)) ?? {} };
  }

  stranger(merchant = this.merchant) {
    return new this.Client(merchant, this.signType, { apiKey: 'k'.repeat(32) });
  }

  async checkPayment(tradeType) {
    const wxpay = this.of(tradeType);
    const { appid, mchid } = wxpay.merchant;
    const order = await this.order(tradeType);
    const before = await this.query(order.number, tradeType);
    this.checks.same('the state before payment', before.trade_state, 'NOTPAY');
    this.checks.same('attach before payment', before.attach, ATTACH);
    const opened = await this.cashier(order);
    this.checks.same(`the status of opening the cashier for ${tradeType}`, opened.status, 200);
    this.checks.same('the amount that the cashier shows', opened.body.amount_fen, AMOUNT_FEN);
    await this.pay(order);
    const { body, told } = await this.notification(`a payment ${tradeType}`);
    const forged = body.replace('<total_fee>2680<', '<total_fee>1<');
    this.checks.that('the package refuses another amount', forged !== body && !(await wxpay.open(forged)), 'accepted');
    this.checks.that('the package refuses it under another key', !(await this.stranger(wxpay.merchant).open(body)), 'accepted');
    const byNumber = await this.query(order.number, tradeType);
    const byId = await wxpay.call('pay/orderquery', { transaction_id: byNumber.transaction_id });
    // Another app knows the buyer by another name.
    this.checks.same('whether the payer is known by the openid of the mini program', byNumber.openid === this.openid, tradeType !== 'APP');
    const expected = {
      appid, mch_id: mchid, out_trade_no: order.number, trade_type: tradeType, openid: byNumber.openid, attach: ATTACH,
      fee_type: 'CNY', total_fee: `${AMOUNT_FEN}`, cash_fee: `${AMOUNT_FEN}`, transaction_id: byNumber.transaction_id,
      time_end: byNumber.time_end,
    };
    for (const [source, seen] of Object.entries({ notification: told, 'query by number': byNumber, 'query by id': byId })) {
      for (const [name, value] of Object.entries(expected)) this.checks.same(`${name} in the ${source}`, seen[name], value);
    }
    this.checks.same('trade_state', byNumber.trade_state, 'SUCCESS');
    this.paid.push({ ...byNumber, number: order.number });
  }

  /** Numbered fields are signed as all others are; what was paid and what is settled differ. */
  async checkCoupon() {
    const order = await this.order('NATIVE');
    await this.cashier(order);
    await this.pay(order, { coupon_fen: COUPON_FEN, coupon_no_cash: true });
    const { told } = await this.notification('a payment with a coupon');
    const asked = await this.query(order.number);
    const cash = `${AMOUNT_FEN - COUPON_FEN}`;
    const expected = {
      total_fee: `${AMOUNT_FEN}`, cash_fee: cash, settlement_total_fee: cash, coupon_fee: `${COUPON_FEN}`,
      coupon_fee_0: `${COUPON_FEN}`, coupon_count: '1', coupon_type_0: 'NO_CASH',
    };
    for (const [source, seen] of Object.entries({ notification: told, query: asked })) {
      for (const [name, value] of Object.entries(expected)) this.checks.same(`${name} with a coupon in the ${source}`, seen[name], value);
    }
    const number = this.number();
    await this.refund(order.number, number, AMOUNT_FEN);
    await this.advance(REFUND_MS);
    const refunded = await this.notification('a refund with a coupon');
    this.checks.same('settlement_refund_fee', refunded.told.settlement_refund_fee, cash);
    const refund = await this.wxpay.call('pay/refundquery', { out_refund_no: number });
    this.checks.same('coupon_refund_fee_0', refund.coupon_refund_fee_0, `${COUPON_FEN}`);
    this.checks.same('coupon_refund_fee_0_0', refund.coupon_refund_fee_0_0, `${COUPON_FEN}`);
    this.paid.push({ number: order.number });
  }

  refund(number, refundNumber, amount, wxpay = this.wxpay) {
    return wxpay.call('secapi/pay/refund', {
      out_trade_no: number, out_refund_no: refundNumber, total_fee: AMOUNT_FEN, refund_fee: amount,
      refund_desc: '一杯凉了', notify_url: this.receiver.url,
    });
  }

  async checkRefunds(paid) {
    const number = this.number();
    const first = await this.refund(paid.number, number, REFUND_FEN);
    const again = await this.refund(paid.number, number, REFUND_FEN);
    this.checks.that('a refund has a refund_id', first.refund_id, first);
    this.checks.same('the refund_id when asked again', again.refund_id, first.refund_id);
    this.checks.same("the refund's transaction", first.transaction_id, paid.transaction_id);
    this.checks.same('refund_fee of the answer', first.refund_fee, `${REFUND_FEN}`);
    const fresh = await this.wxpay.call('pay/refundquery', { refund_id: first.refund_id });
    this.checks.same('the state of a new refund', fresh.refund_status_0, 'PROCESSING');
    await this.refused('a refund above what is left', 'REFUND_FEE_INVALID', () => this.refund(paid.number, `${number}x`, AMOUNT_FEN));
    await this.refused('a refund of no order', 'ORDERNOTEXIST', () => this.refund(this.number(), this.number(), REFUND_FEN));
    await this.advance(REFUND_MS);
    const { body, told } = await this.notification('a refund');
    this.checks.that('the package cannot decrypt it with another key', !(await this.stranger().open(body)), 'it did');
    const expected = {
      refund_status: 'SUCCESS', refund_fee: `${REFUND_FEN}`, total_fee: `${AMOUNT_FEN}`, out_trade_no: paid.number,
      out_refund_no: number, refund_id: first.refund_id, transaction_id: paid.transaction_id, refund_request_source: 'API',
    };
    for (const [name, value] of Object.entries(expected)) this.checks.same(`${name} in the refund's notification`, told[name], value);
    const names = { out_refund_no: number, refund_id: first.refund_id, out_trade_no: paid.number, transaction_id: paid.transaction_id };
    for (const [name, value] of Object.entries(names)) {
      const asked = await this.wxpay.call('pay/refundquery', { [name]: value });
      this.checks.same(`refund_count by ${name}`, asked.refund_count, '1');
      this.checks.same('refund_status_0', asked.refund_status_0, 'SUCCESS');
      this.checks.same('refund_fee_0', asked.refund_fee_0, `${REFUND_FEN}`);
      this.checks.same('refund_success_time_0', asked.refund_success_time_0, told.success_time);
      // The spelling is WeChat's.
      this.checks.that('refund_recv_accout_0 says where it went', asked.refund_recv_accout_0, asked);
    }
    this.checks.same("the order's state after a refund", (await this.query(paid.number)).trade_state, 'REFUND');
    await this.refused('a query of no refund', 'REFUNDNOTEXIST', () => this.wxpay.call('pay/refundquery', { out_refund_no: this.number() }));
  }

  async checkClose() {
    const { number } = await this.order('NATIVE');
    const close = () => this.wxpay.call('pay/closeorder', { out_trade_no: number });
    await this.refused('closing at once', 'TRADE_STATE_ERROR', close);
    await this.advance(5 * MINUTE_MS);
    this.checks.same('result_code of close', (await close()).result_code, 'SUCCESS');
    this.checks.same('result_code of close again', (await close()).result_code, 'SUCCESS');
    this.checks.same('the state after close', (await this.query(number)).trade_state, 'CLOSED');
    await this.refused('closing a paid order', 'ORDERPAID', () => this.wxpay.call('pay/closeorder', { out_trade_no: this.paid[1].number }));
    await this.refused('ordering under a closed number', 'ORDERCLOSED', () => this.order('NATIVE', { out_trade_no: number }));
  }

  async showCode(story) {
    return (await this.control.must('/payment-codes', { user: 'buyer', story })).auth_code;
  }

  /** An order's number, and a call that charges the code of a phone with this story. */
  async till(story) {
    const number = this.number();
    const fields = {
      body: '茶馆-拿铁', total_fee: AMOUNT_FEN, auth_code: await this.showCode(story), spbill_create_ip: SHOP_IP, out_trade_no: number,
    };
    return { number, charge: () => this.wxpay.call('pay/micropay', fields) };
  }

  async checkTill() {
    const reverse = (number) => this.wxpay.call('secapi/pay/reverse', { out_trade_no: number });
    const state = async (number) => (await this.query(number)).trade_state;
    const quick = await this.till('pays');
    const paid = await quick.charge();
    this.checks.same('trade_type of a payment by code', paid.trade_type, 'MICROPAY');
    this.checks.same('its amount', paid.total_fee, `${AMOUNT_FEN}`);
    await this.refused('a code for the second time', 'ORDERPAID', quick.charge);
    this.checks.same('the state of a payment by code', await state(quick.number), 'SUCCESS');
    this.checks.same('recall', (await reverse(quick.number)).recall, 'N');
    this.checks.same('the state after a reversal', await state(quick.number), 'REVOKED');
    const later = await this.till('pays_later');
    await this.refused('a payment by code that asks for a password', 'USERPAYING', later.charge);
    this.checks.same('the state while the payer types', await state(later.number), 'USERPAYING');
    await this.advance(20 * SECOND_MS);
    this.checks.same('the state when the payer has typed', await state(later.number), 'SUCCESS');
    this.paid.push({ number: later.number });
    const slow = await this.till('hesitates');
    await this.refused('a payment by code of a payer who hesitates', 'USERPAYING', slow.charge);
    const early = await this.refused('a reversal within 15 s', 'USERPAYING', () => reverse(slow.number));
    if ('sign' in early) this.checks.same('recall within 15 s', early.recall, 'Y');
    await this.advance(20 * SECOND_MS);
    await reverse(slow.number);
    this.checks.same('the state after that', await state(slow.number), 'REVOKED');
    const poor = await this.till('not_enough_money');
    await this.refused('a payment by code without money', 'NOTENOUGH', poor.charge);
  }

  async checkRefusals(paid) {
    await this.refused('a query of no order', 'ORDERNOTEXIST', () => this.query(this.number()));
    await this.refused('a query signed with another key', undefined, () => this.stranger().call('pay/orderquery', { out_trade_no: paid.number }));
    const order = await this.order('JSAPI');
    this.checks.same("the cashier's status for parameters signed with another key", (await this.cashier(order, this.stranger())).status, 422);
    const other = new this.Client(this.merchant, this.signType === 'MD5' ? 'HMAC-SHA256' : 'MD5');
    this.checks.same("the cashier's status for parameters signed the other way", (await this.cashier(order, other)).status, 422);
    const bare = new this.Client(this.merchant, this.signType, { certificate: {} });
    await this.refused('a refund without a certificate', undefined, () => this.refund(paid.number, this.number(), REFUND_FEN, bare));
    await this.refused('a reversal without a certificate', undefined, () => bare.call('secapi/pay/reverse', { out_trade_no: paid.number }));
  }

  /** What must not be believed, and what follows it. */
  async checkTraps() {
    // In this protocol, which has no probes, the first of these has a wrong signature.
    for (const fault of ['notification_signtest', 'notification_tampered']) {
      await this.payWith(fault);
      this.checks.same(`whether ${fault} is accepted`, (await this.receiver.next())?.accepted, false);
      await this.advance(FIRST_RETRY_MS);
      this.checks.same(`whether what follows ${fault} is accepted`, (await this.receiver.next())?.accepted, true);
    }
    // Somebody else's and WeChat's own, side by side, in any order.
    await this.payWith('notification_forged');
    const both = [(await this.receiver.next())?.accepted, (await this.receiver.next())?.accepted].sort();
    this.checks.same('which of a forged and a genuine notification are accepted', both, [false, true]);
    for (const fault of ['wrong_response_signature', 'unsigned_response']) {
      await this.control.must('/faults', { fault });
      const error = await rejection(() => this.query(this.paid[1].number));
      this.checks.that(`the package refuses ${fault}`, error instanceof Disbelieved, error?.message);
    }
  }

  async payWith(fault) {
    const order = await this.order('NATIVE');
    await this.cashier(order);
    await this.control.must('/faults', { fault });
    await this.pay(order);
  }

  /** Texts without CDATA, fields that no document mentions, a notification that names its sign type. */
  async checkWhatMayChange() {
    await this.assume({ v2_cdata: false, v2_extra_fields: true, notification_extra_members: true });
    const order = await this.order('APP');
    await this.cashier(order);
    await this.pay(order);
    const { body, told } = await this.notification('a payment without CDATA');
    this.checks.that('there is no CDATA in it', !body.includes('CDATA'), body);
    this.checks.same('sign_type in it', told.sign_type, this.signType);
    this.checks.same('attach in it', told.attach, ATTACH);
    this.checks.same('attach in the answer to a query', (await this.query(order.number, 'APP')).attach, ATTACH);
  }

  async checkBills() {
    await this.assume({ v2_cdata: true, v2_extra_fields: false });
    const day = this.paid[0].time_end.slice(0, 8);
    const bill = (fields) => this.wxpay.file('pay/downloadbill', { bill_type: 'ALL', bill_date: day, ...fields });
    await this.refused('a bill of today', undefined, () => bill());
    await this.advance(BILL_MS);
    const { rows, summary } = await this.table(await bill());
    this.checks.that('every line has 27 fields', rows.every((row) => Object.keys(row).length === 27), rows);
    for (const paid of this.paid) {
      const lines = rows.filter((row) => row['商户订单号'] === paid.number && row['交易状态'] === 'SUCCESS');
      this.checks.same(`amounts in yuan of the payment ${paid.number}`, lines.map((row) => row['订单金额']), ['26.80']);
    }
    this.checks.same('lines of refunds', rows.filter((row) => row['交易状态'] === 'REFUND').length, 2);
    this.checks.same('lines of reversals', rows.filter((row) => row['交易状态'] === 'REVOKED').length, 1);
    this.checks.same('the count in the sums', summary['总交易单数'], `${rows.length}.0`);
    const ago = new Date(Date.UTC(day.slice(0, 4), day.slice(4, 6) - 1, day.slice(6) - 1)).toISOString().slice(0, 10).replaceAll('-', '');
    const none = await this.refused('a bill of a day without trades', undefined, () => bill({ bill_date: ago }));
    if (this.wxpay.table) {
      this.checks.same('its error_code', none.error_code, '20002');
      const packed = await bill({ tar_type: 'GZIP' });
      const unpacked = this.wxpay.table(gunzipSync(packed.bytes));
      this.checks.same('lines of the packed bill', unpacked.rows.length, rows.length);
    }
    // This call takes no other sign type.
    const asked = { bill_date: day, account_type: 'Basic', sign_type: 'HMAC-SHA256' };
    const flow = await this.wxpay.file('pay/downloadfundflow', asked);
    const table = await this.table(flow);
    this.checks.same('the count of the fund flow', table.summary['资金流水总笔数'], `${table.rows.length}.0`);
    if (this.wxpay.sha1) this.checks.same('its digest', flow.digest, `SHA=${this.wxpay.sha1(flow.bytes)}`);
    const bare = new this.Client(this.merchant, this.signType, { certificate: {} });
    await this.refused('a fund flow without a certificate', undefined, () => bare.file('pay/downloadfundflow', asked));
  }

  /** A file as the package reads it: rows and sums by name. */
  table(file) {
    if (file.bytes) return this.wxpay.table(file.bytes);
    const named = (titles) => (row) => Object.fromEntries(row.map((value, index) => [titles[index].trim(), value]));
    const { list_title: titles, list_data: rows, total_title: sumTitles, total_data: sums } = file.table;
    return { rows: rows.map(named(titles)), summary: named(sumTitles)(sums) };
  }
}

/** What a call rejected with; undefined when it did not. */
async function rejection(call) {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}

const { values } = parseArgs({ options: { package: { type: 'string' }, 'sign-type': { type: 'string' }, merchant: { type: 'string' } } });
if (!CLIENTS[values.package] || !['MD5', 'HMAC-SHA256'].includes(values['sign-type']) || !values.merchant) {
  console.error('usage: node referee-v2.mjs --package wechatpay-axios-plugin|tenpay --sign-type MD5|HMAC-SHA256 --merchant DIR');
  process.exit(2);
}
await judge(`${values.package}, ${values['sign-type']}`, async (checks) => {
  const merchant = readMerchant(values.merchant);
  const referee = await Referee.start(checks, merchant, CLIENTS[values.package], values['sign-type']);
  await referee.run();
});
