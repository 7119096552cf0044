// The npm package wechatpay-axios-plugin, as published, sells by every product of APIv3 at our simulator.
//
// Every line printed is one check made by that package or on what it returned. Its code is not
// touched; the address that it calls is its own setting. The orders are in `products`, the payment codes
// in `till`; here is what they share, and what both sides must refuse.
//
// Usage: node referee.mjs --mode public-key|certificate|switching --merchant DIR

import { generateKeyPairSync } from 'node:crypto';
import { parseArgs } from 'node:util';

import plugin from 'wechatpay-axios-plugin';

import { answerOrRejection, judge } from './checks.mjs';
import { Control, Receiver, buyerInApps, readMerchant } from './desk.mjs';
import { MINI_PROGRAM, PRODUCTS, Sale, checkMismatches } from './products.mjs';
import { Till } from './till.mjs';

const { Aes, Formatter, Rsa, Wechatpay } = plugin;
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
      Object.assign(this, await buyerInApps(this.control, this.merchant));
      for (const product of PRODUCTS) {
        await this.checks.part(`the product ${product.name}`, () => new Sale(this, product).run());
      }
      await this.checks.part('the till', () => new Till(this).run());
      await checkMismatches(this);
      await this.checkRefusals();
      await this.checkTraps();
    } finally {
      this.receiver.close();
    }
  }

  async query(number) {
    const params = { mchid: this.merchant.mchid };
    const { data } = await this.wxpay.v3.pay.transactions.outTradeNo._out_trade_no_
      .get({ params, out_trade_no: number });
    return data;
  }

  /** The next notification of this kind, opened; {} when it does not come or cannot be opened. With `only`, no other may come before it. */
  async notification(event, only = false) {
    for (;;) {
      const arrived = await this.receiver.next();
      if (!this.checks.that(`a notification arrives while ${event} is awaited`, arrived)) return {};
      const opened = arrived.accepted ? this.open(arrived.headers, arrived.body) : null;
      if (opened && opened.event_type !== event && !only) continue;
      if (!this.checks.that(`the package verifies and decrypts ${event}`, opened, arrived)) return {};
      const forged = arrived.body.replace('"id"', '"id" ');
      const refused = forged !== arrived.body && this.open(arrived.headers, forged) === null;
      this.checks.that(`the package refuses ${event} with one byte more`, refused, 'accepted');
      const byPublicKey = arrived.headers['wechatpay-serial'] === this.merchant.public_key_id;
      this.checks.same(`whether ${event} is signed with the public key`, byPublicKey, this.mode === 'public-key');
      return opened.resource;
    }
  }

  async checkRefusals() {
    const unknown = await answerOrRejection(this.query('never_ordered_1'));
    this.checks.same('the status for an unknown order', unknown.status, 404);
    this.checks.that('its code is ORDER_NOT_EXIST', /^ORDER_?NOT_?EXIST$/.test(unknown.data?.code), unknown.data);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const stranger = this.client(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const unsigned = await answerOrRejection(stranger.v3.pay.transactions.outTradeNo._out_trade_no_
      .get({ params: { mchid: this.merchant.mchid }, out_trade_no: 'never_ordered_1' }));
    this.checks.same('the status for a request signed with another key', unsigned.status, 401);
    this.checks.same('its code', unsigned.data?.code, 'SIGN_ERROR');
  }

  /** WeChat Pay sends wrong signatures on purpose; the package must refuse them, and take what follows. */
  async checkTraps() {
    const sale = new Sale(this, MINI_PROGRAM);
    for (const fault of ['notification_signtest', 'notification_tampered']) {
      const { handle } = await sale.order({ description: 'paid, with a trap in the notification' });
      await this.control.must('/faults', { fault });
      await sale.pay(handle);
      this.checks.same(`whether ${fault} is accepted`, (await this.receiver.next())?.accepted, false);
      await this.control.must('/clock', { advance_ms: FIRST_RETRY_MS });
      this.checks.same(`whether what follows ${fault} is accepted`, (await this.receiver.next())?.accepted, true);
    }
    await this.control.must('/faults', { fault: 'wrong_response_signature' });
    try {
      const answer = await sale.order({ description: 'the answer has a wrong signature' });
      this.checks.that('the package refuses an answer with a wrong signature', false, answer);
    } catch (error) {
      this.checks.same('what the package says of an answer with a wrong signature', error.code, 'EV3_RES_HEADER_SIGNATURE_DIGEST');
    }
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
