// Payment codes by APIv3: what a buyer shows at the till is charged, asked for, and taken back.

import { answerOrRejection } from './checks.mjs';
import { AMOUNT_FEN, REFUND_FEN, REFUND_MS, newNumber } from './products.mjs';

/** Nothing is taken back earlier than this after the charge; a code is good for a minute. */
const REVERSE_MS = 15_000;
const CODE_MS = 60_000;
const SCENE = { device_id: 'till-2', device_ip: '192.0.2.8', store_info: { id: '0001' } };

/** A till of the shop that has the official account. */
export class Till {
  constructor(referee) {
    const { checks, wxpay, control, merchant } = referee;
    Object.assign(this, { referee, checks, control, wxpay, mchid: merchant.mchid });
    this.appid = referee.appids.officialAccount;
    this.openid = referee.openids.officialAccount;
    this.transactions = wxpay.v3.pay.transactions;
  }

  same(what, saw, expected) {
    return this.checks.same(`code: ${what}`, saw, expected);
  }

  /** What is answered; its status must be this, and its code, if it is a refusal. */
  async answered(what, promise, status, code) {
    const { status: saw, data } = await answerOrRejection(promise);
    this.same(`the status and code of ${what}`, [saw, data?.code], [status, code]);
    return data;
  }

  /** What the buyer's phone shows. */
  async show(story) {
    return (await this.control.must('/payment-codes', { user: 'buyer', story })).auth_code;
  }

  charge(code, number, changed = {}) {
    return this.transactions.codepay.post({
      appid: this.appid,
      mchid: this.mchid,
      description: '拿铁 café',
      out_trade_no: number,
      attach: 'till=2',
      goods_tag: 'WXG',
      payer: { auth_code: code },
      amount: { total: AMOUNT_FEN, currency: 'CNY' },
      scene_info: SCENE,
      detail: { goods_detail: [{ merchant_goods_id: 'latte', wxpay_goods_id: '1001', quantity: 2, unit_price: 1340 }] },
      ...changed,
    });
  }

  reverse(number, appid = this.appid) {
    return this.transactions.outTradeNo._out_trade_no_.reverse.post({ appid, mchid: this.mchid }, { out_trade_no: number });
  }

  close(number) {
    return this.transactions.outTradeNo._out_trade_no_.close.post({ mchid: this.mchid }, { out_trade_no: number });
  }

  async state(number) {
    return (await this.referee.query(number)).trade_state;
  }

  pass(milliseconds) {
    return this.control.must('/clock', { advance_ms: milliseconds });
  }

  async run() {
    await this.checkPaidAtOnce();
    await this.checkPassword();
    await this.checkReversals();
    await this.checkRefusals();
  }

  async checkPaidAtOnce() {
    const [code, number] = [await this.show('pays'), newNumber()];
    const paid = await this.answered('a payment by code', this.charge(code, number), 200);
    const asked = await this.referee.query(number);
    const { data: byId } = await this.transactions.id._transaction_id_
      .get({ params: { mchid: this.mchid }, transaction_id: paid.transaction_id });
    const expected = {
      appid: this.appid, mchid: this.mchid, out_trade_no: number, transaction_id: paid.transaction_id, trade_type: 'MICROPAY',
      trade_state: 'SUCCESS', attach: 'till=2', success_time: paid.success_time, payer: { openid: this.openid },
      amount: { total: AMOUNT_FEN, payer_total: AMOUNT_FEN, currency: 'CNY', payer_currency: 'CNY' },
      scene_info: { device_id: SCENE.device_id },
    };
    for (const [source, seen] of Object.entries({ answer: paid, 'query by number': asked, 'query by id': byId })) {
      for (const [name, value] of Object.entries(expected)) this.same(`${name} in the ${source}`, seen[name], value);
    }
    await this.answered('the same charge again', this.charge(code, number), 400, 'ORDER_PAID');
    await this.answered('closing a payment by code', this.close(number), 400, 'ORDER_PAID');
    await this.checkRefund(number);
  }

  /** Nobody is told of a payment by code: the first notification after it is that of its refund. */
  async checkRefund(number) {
    const refund = {
      out_trade_no: number, out_refund_no: newNumber(), notify_url: this.referee.receiver.url,
      amount: { refund: REFUND_FEN, total: AMOUNT_FEN, currency: 'CNY' },
    };
    const first = await this.answered('a refund', this.wxpay.v3.refund.domestic.refunds.post(refund), 200);
    this.same('the state in which a refund begins', first.status, 'PROCESSING');
    await this.pass(REFUND_MS);
    const told = await this.referee.notification('REFUND.SUCCESS', true);
    this.same('the refund in the first notification after a payment by code', told.out_refund_no, refund.out_refund_no);
    this.same('the state after a refund', await this.state(number), 'REFUND');
    await this.answered('reversing what has refunds', this.reverse(number), 403, 'TRADE_ERROR');
  }

  /** The buyer is asked for the password, and types it; or refuses to. */
  async checkPassword() {
    let number;
    for (const [pays, state] of [[true, 'SUCCESS'], [false, 'PAYERROR']]) {
      const code = await this.show('hesitates');
      number = newNumber();
      await this.answered('a charge while the buyer types', this.charge(code, number), 202, 'USERPAYING');
      this.same('the state while the buyer types', await this.state(number), 'USERPAYING');
      await this.control.must(`/payment-codes/${code}/decide`, { pays });
      this.same(`the state when the buyer ${pays ? 'has typed' : 'has refused'}`, await this.state(number), state);
    }
    await this.answered('a reversal of what failed', this.reverse(number), 200);
    // The other way in which this may be told: nobody knows which is WeChat's.
    await this.control.must('/assumptions', { codepay_user_paying: 'state' }, 'PATCH');
    number = newNumber();
    const paying = await this.answered('a charge, told as a state', this.charge(await this.show('pays_later'), number), 200);
    this.same('the state in that answer', [paying.trade_type, paying.trade_state], ['MICROPAY', 'USERPAYING']);
    await this.pass(REVERSE_MS);
    this.same('the state when the buyer has typed', await this.state(number), 'SUCCESS');
    await this.control.must('/assumptions', { codepay_user_paying: 'accepted' }, 'PATCH');
  }

  async checkReversals() {
    let [code, number] = [await this.show('pays'), newNumber()];
    await this.answered('a payment by code', this.charge(code, number), 200);
    await this.answered('a reversal by another app', this.reverse(number, this.referee.appids.miniProgram), 400, 'INVALID_REQUEST');
    for (const time of ['reversal', 'reversal again']) {
      const reversed = await this.answered(`the ${time} of what is paid`, this.reverse(number), 200);
      this.same(`the answer to the ${time}`, reversed, { appid: this.appid, mchid: this.mchid, out_trade_no: number });
    }
    this.same('the state after a reversal', await this.state(number), 'REVOKED');
    await this.answered('a charge under a reversed number', this.charge(code, number), 400, 'ORDER_REVERSED');
    [code, number] = [await this.show('pays_at_reverse'), newNumber()];
    await this.answered('a charge', this.charge(code, number), 202, 'USERPAYING');
    await this.answered('a reversal within 15 s', this.reverse(number), 202, 'USERPAYING');
    await this.answered('closing what can only be reversed', this.close(number), 400, 'INVALID_REQUEST');
    await this.pass(REVERSE_MS);
    await this.answered('a reversal while the buyer types the last digit', this.reverse(number), 202, 'USERPAYING');
    this.same('the state after that', await this.state(number), 'SUCCESS');
    await this.answered('the reversal again', this.reverse(number), 200);
    this.same('the state in the end', await this.state(number), 'REVOKED');
  }

  async checkRefusals() {
    const refused = async (what, code, number, status, name, changed) => this.answered(what, this.charge(code, number, changed), status, name);
    await refused('a code that no phone showed', '150000000000000000', newNumber(), 400, 'AUTH_CODE_INVALID');
    await refused('a code with letters', '13000000000000000x', newNumber(), 400, 'PARAM_ERROR');
    let code = await this.show('pays');
    await refused('no store', code, newNumber(), 400, 'PARAM_ERROR', { scene_info: { device_id: 'till-2' } });
    await refused('an address for notifications', code, newNumber(), 400, 'PARAM_ERROR', { notify_url: this.referee.receiver.url });
    await refused('an app of somebody else', code, newNumber(), 400, 'APPID_MCHID_NOT_MATCH', { appid: 'wx0123456789abcdef' });
    // None of these has used it up.
    await this.answered('a payment by code', this.charge(code, newNumber()), 200);
    await refused('a used code', code, newNumber(), 400, 'AUTH_CODE_INVALID');
    code = await this.show('pays');
    await this.pass(CODE_MS);
    const number = newNumber();
    await refused('a code of a minute ago', code, number, 403, 'AUTH_CODE_EXPIRE');
    await this.answered('a reversal of no order', this.reverse(number), 404, 'ORDER_NOT_EXIST');
    await refused('a buyer without money', await this.show('not_enough_money'), number, 403, 'NOT_ENOUGH');
    await this.answered('a reversal after that', this.reverse(number), 200);
  }
}
