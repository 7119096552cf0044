// The npm package wechatpay-axios-plugin, as published, pays, asks, closes and refunds at our simulator.
//
// Every line printed is one check made by that package or on what it returned. Its code is not
// touched; the address that it calls is its own setting.
//
// Usage: node referee.mjs --mode public-key|certificate|switching --merchant DIR

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';

import plugin from 'wechatpay-axios-plugin';

import { judge } from './checks.mjs';
import { Control, Receiver, readMerchant } from './desk.mjs';

const { Aes, Formatter, Rsa, Wechatpay } = plugin;
const AMOUNT_FEN = 2680;
const REFUND_FEN = 680;
/** A notification that was not accepted is sent again after 15 s. */
const FIRST_RETRY_MS = 16_000;

/**
 * The platform certificates and what was known before, {serial: key}. The package's own command for this cannot know
 * a certificate before it has one (version 0.9.6 refuses the answer), so its parts are used instead:
 * it asks, it decrypts, and then it verifies the answer with a key that was inside.
 */
async function downloadCertificates(wxpay, apiV3Key, known, checks) {
  const { data, headers } = await wxpay.v3.certificates.get({ transformResponse: [(text) => text] });
  const certificates = Object.fromEntries(JSON.parse(data).data.map((one) => {
    const { ciphertext, nonce, associated_data: associated } = one.encrypt_certificate;
    return [one.serial_no, Aes.AesGcm.decrypt(ciphertext, apiV3Key, nonce, associated)];
  }));
  const keys = { ...known, ...certificates };
  const key = keys[headers['wechatpay-serial']];
  const text = Formatter.response(headers['wechatpay-timestamp'], headers['wechatpay-nonce'], data);
  checks.that('the certificates come signed with one of them, or with the public key',
    key && Rsa.verify(text, headers['wechatpay-signature'], Rsa.from(key, Rsa.KEY_TYPE_PUBLIC)), headers);
  return keys;
}

class Referee {
  static async start(checks, merchant, mode) {
    const referee = new Referee();
    Object.assign(referee, { checks, merchant, mode, control: new Control(merchant.control_url) });
    const publicKey = { [merchant.public_key_id]: merchant.text('pub_key.pem') };
    if (mode === 'certificate') {
      await referee.control.must('/keys/switch', { to: 'certificate' });
      referee.keys = { 'not known yet': undefined };
      const bootstrap = referee.client(merchant.text('apiclient_key.pem'));
      referee.keys = await downloadCertificates(bootstrap, merchant.apiv3_key, {}, checks);
    } else if (mode === 'switching') {
      // A merchant in the middle of the switch: answers are signed with the key that the request
      // names, notifications still with the certificate.
      await referee.control.must('/keys/switch', { to: 'switching', notifications_per_mille: 0 });
      referee.keys = publicKey;
      const bootstrap = referee.client(merchant.text('apiclient_key.pem'));
      referee.keys = await downloadCertificates(bootstrap, merchant.apiv3_key, publicKey, checks);
    } else {
      referee.keys = publicKey;
    }
    referee.wxpay = referee.client(merchant.text('apiclient_key.pem'));
    referee.receiver = await Receiver.start((headers, body) => referee.open(headers, body));
    return referee;
  }

  client(privateKey) {
    return new Wechatpay({
      baseURL: this.merchant.pay_base_url,
      mchid: this.merchant.mchid,
      serial: this.merchant.serial_no,
      privateKey,
      certs: { ...this.keys },
      proxy: false,
      // Asks for answers that are signed with the key we hold (needed with the public key only).
      headers: this.mode !== 'certificate' ? { 'Wechatpay-Serial': this.merchant.public_key_id } : {},
    });
  }

  /** Verifies and decrypts as the package's manual says; null when anything is wrong. */
  open(headers, body) {
    const key = this.keys[headers['wechatpay-serial']];
    const timestamp = headers['wechatpay-timestamp'];
    if (!key || Math.abs(Formatter.timestamp() - Number(timestamp)) > 300) return null;
    const text = Formatter.response(timestamp, headers['wechatpay-nonce'], body);
    if (!Rsa.verify(text, headers['wechatpay-signature'], Rsa.from(key, Rsa.KEY_TYPE_PUBLIC))) return null;
    const { resource, ...envelope } = JSON.parse(body);
    const { ciphertext, nonce, associated_data: associated } = resource;
    const plain = Aes.AesGcm.decrypt(ciphertext, this.merchant.apiv3_key, nonce, associated);
    return { ...envelope, resource: JSON.parse(plain) };
  }

  async run() {
    try {
      const { appid } = this.merchant;
      const { openid } = await this.control.must('/login-codes', { appid, user: 'buyer' });
      const paid = await this.orderAndPay(openid);
      await this.checkPayment(paid);
      await this.checkRefunds(paid);
      await this.checkClose(openid);
      await this.checkRefusals();
      await this.checkTraps(openid);
    } finally {
      this.receiver.close();
    }
  }

  async prepay(openid, description) {
    const number = `js${randomUUID().replaceAll('-', '').slice(0, 20)}`;
    const { status, data } = await this.wxpay.v3.pay.transactions.jsapi.post({
      appid: this.merchant.appid,
      mchid: this.merchant.mchid,
      description,
      out_trade_no: number,
      attach: 'table=9',
      notify_url: this.receiver.url,
      amount: { total: AMOUNT_FEN, currency: 'CNY' },
      payer: { openid },
    });
    this.checks.same('the status of prepay', status, 200);
    this.checks.that('prepay answers a prepay_id', data.prepay_id, data);
    return { number, prepayId: data.prepay_id };
  }

  async query(number) {
    const params = { mchid: this.merchant.mchid };
    const { data } = await this.wxpay.v3.pay.transactions.outTradeNo._out_trade_no_
      .get({ params, out_trade_no: number });
    return data;
  }

  async orderAndPay(openid) {
    const { number, prepayId } = await this.prepay(openid, '拿铁 café');
    this.checks.same('the state before payment', (await this.query(number)).trade_state, 'NOTPAY');
    const { appid } = this.merchant;
    const timeStamp = `${Formatter.timestamp()}`;
    const nonceStr = Formatter.nonce();
    const prepayPackage = `prepay_id=${prepayId}`;
    const text = Formatter.joinedByLineFeed(appid, timeStamp, nonceStr, prepayPackage);
    const opened = await this.control.post('/cashier/open', {
      appid, user: 'buyer', timeStamp, nonceStr, package: prepayPackage, signType: 'RSA',
      paySign: Rsa.sign(text, this.merchant.text('apiclient_key.pem')),
    });
    this.checks.same("the status of opening the cashier with the package's paySign", opened.status, 200);
    this.checks.same('the amount that the cashier shows', opened.body.amount_fen, AMOUNT_FEN);
    await this.pay(prepayId);
    return { number, openid };
  }

  async pay(prepayId) {
    const done = await this.control.must('/cashier/pay', { prepay_id: prepayId, user: 'buyer', action: 'pay' });
    this.checks.same('what the cashier tells the mini program', done.errMsg, 'requestPayment:ok');
  }

  /** The next notification of this kind, opened; {} when it does not come or cannot be opened. */
  async notification(event) {
    for (;;) {
      const arrived = await this.receiver.next();
      if (!this.checks.that(`a notification arrives while ${event} is awaited`, arrived)) return {};
      const opened = arrived.accepted ? this.open(arrived.headers, arrived.body) : null;
      if (opened && opened.event_type !== event) continue;
      if (!this.checks.that(`the package verifies and decrypts ${event}`, opened, arrived)) return {};
      const forged = arrived.body.replace('"id"', '"id" ');
      const refused = forged !== arrived.body && this.open(arrived.headers, forged) === null;
      this.checks.that(`the package refuses ${event} with one byte more`, refused, 'accepted');
      const byPublicKey = arrived.headers['wechatpay-serial'] === this.merchant.public_key_id;
      this.checks.same(`whether ${event} is signed with the public key`, byPublicKey, this.mode === 'public-key');
      return opened.resource;
    }
  }

  async checkPayment(paid) {
    const { appid, mchid } = this.merchant;
    const notice = await this.notification('TRANSACTION.SUCCESS');
    const byNumber = await this.query(paid.number);
    paid.transactionId = byNumber.transaction_id;
    const { data: byId } = await this.wxpay.v3.pay.transactions.id._transaction_id_
      .get({ params: { mchid }, transaction_id: paid.transactionId });
    const expected = {
      appid, mchid, out_trade_no: paid.number, transaction_id: paid.transactionId, trade_type: 'JSAPI',
      trade_state: 'SUCCESS', attach: 'table=9',
    };
    for (const [source, seen] of Object.entries({ notification: notice, 'query by number': byNumber, 'query by id': byId })) {
      for (const [name, value] of Object.entries(expected)) this.checks.same(`${name} in the ${source}`, seen[name], value);
      this.checks.same(`the amount in the ${source}`, seen.amount?.total, AMOUNT_FEN);
      this.checks.same(`the payer in the ${source}`, seen.payer?.openid, paid.openid);
    }
  }

  async checkRefunds(paid) {
    const number = `js${randomUUID().replaceAll('-', '').slice(0, 20)}`;
    const refunds = this.wxpay.v3.refund.domestic.refunds;
    const refund = {
      out_trade_no: paid.number, out_refund_no: number, reason: 'one cup was cold', notify_url: this.receiver.url,
      amount: { refund: REFUND_FEN, total: AMOUNT_FEN, currency: 'CNY' },
    };
    const { status, data: first } = await refunds.post(refund);
    this.checks.same('the status of refund', status, 200);
    this.checks.that('a refund has a refund_id', first.refund_id, first);
    this.checks.that('a refund begins as PROCESSING or SUCCESS', ['PROCESSING', 'SUCCESS'].includes(first.status), first);
    const { data: again } = await refunds.post(refund);
    this.checks.same('the refund_id when asked again', again.refund_id, first.refund_id);
    const tooMuch = { ...refund, out_refund_no: `${number}x`, amount: { ...refund.amount, refund: AMOUNT_FEN } };
    const refused = await rejection(refunds.post(tooMuch));
    this.checks.that('a refund above what is left is refused', refused.status >= 400 && refused.status < 500, refused);
    const notice = await this.notification('REFUND.SUCCESS');
    this.checks.same('refund_status in the notification', notice.refund_status, 'SUCCESS');
    this.checks.same("the refund's amount in the notification", notice.amount?.refund, REFUND_FEN);
    const { data: asked } = await refunds._out_refund_no_.get({ out_refund_no: number });
    this.checks.same("the refund's state", asked.status, 'SUCCESS');
    this.checks.same("the refund's amount", asked.amount?.refund, REFUND_FEN);
    this.checks.same("the order's state after a refund", (await this.query(paid.number)).trade_state, 'REFUND');
  }

  async checkClose(openid) {
    const { number } = await this.prepay(openid, 'closed before it was paid');
    for (const time of ['close', 'close again']) {
      const { status } = await this.wxpay.v3.pay.transactions.outTradeNo._out_trade_no_.close
        .post({ mchid: this.merchant.mchid }, { out_trade_no: number });
      this.checks.same(`the status of ${time}`, status, 204);
    }
    this.checks.same('the state after close', (await this.query(number)).trade_state, 'CLOSED');
  }

  async checkRefusals() {
    const unknown = await rejection(this.query('never_ordered_1'));
    this.checks.same('the status for an unknown order', unknown.status, 404);
    this.checks.that('its code is ORDER_NOT_EXIST', /^ORDER_?NOT_?EXIST$/.test(unknown.data?.code), unknown.data);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const stranger = this.client(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const unsigned = await rejection(stranger.v3.pay.transactions.outTradeNo._out_trade_no_
      .get({ params: { mchid: this.merchant.mchid }, out_trade_no: 'never_ordered_1' }));
    this.checks.same('the status for a request signed with another key', unsigned.status, 401);
    this.checks.same('its code', unsigned.data?.code, 'SIGN_ERROR');
  }

  /** WeChat Pay sends wrong signatures on purpose; the package must refuse them, and take what follows. */
  async checkTraps(openid) {
    for (const fault of ['notification_signtest', 'notification_tampered']) {
      const { prepayId } = await this.prepay(openid, 'paid, with a trap in the notification');
      await this.control.must('/faults', { fault });
      await this.pay(prepayId);
      this.checks.same(`whether ${fault} is accepted`, (await this.receiver.next())?.accepted, false);
      await this.control.must('/clock', { advance_ms: FIRST_RETRY_MS });
      this.checks.same(`whether what follows ${fault} is accepted`, (await this.receiver.next())?.accepted, true);
    }
    await this.control.must('/faults', { fault: 'wrong_response_signature' });
    try {
      const answer = await this.prepay(openid, 'the answer has a wrong signature');
      this.checks.that('the package refuses an answer with a wrong signature', false, answer);
    } catch (error) {
      this.checks.same('what the package says of an answer with a wrong signature', error.code, 'EV3_RES_HEADER_SIGNATURE_DIGEST');
    }
  }
}

/** The answer that the package rejected with; an empty one when it did not. */
async function rejection(promise) {
  try {
    await promise;
    return {};
  } catch (error) {
    if (!error.response) throw error;
    return { status: error.response.status, data: error.response.data };
  }
}

const { values } = parseArgs({ options: { mode: { type: 'string' }, merchant: { type: 'string' } } });
if (!['public-key', 'certificate', 'switching'].includes(values.mode) || !values.merchant) {
  console.error('usage: node referee.mjs --mode public-key|certificate|switching --merchant DIR');
  process.exit(2);
}
await judge(`wechatpay-axios-plugin, ${values.mode}`, async (checks) => {
  const referee = await Referee.start(checks, readMerchant(values.merchant), values.mode);
  await referee.run();
});
