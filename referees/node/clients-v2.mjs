// Two published clients of the older protocol behind one face, so that both judge the same day of a shop.
//
// Nothing of the packages is touched or done in their place: what one of them cannot do, it does not do here.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import Tenpay from 'tenpay';
import plugin from 'wechatpay-axios-plugin';

const { Aes, Formatter, Hash, Transformer, Wechatpay } = plugin;
/** Calls that go out only with the merchant's certificate. */
const CERTIFIED = ['secapi/pay/refund', 'secapi/pay/reverse', 'pay/downloadfundflow'];

/** A call that the package rejected with what WeChat said: a code if there was one, and what else is known. */
export class Refused extends Error {
  constructor(code, message, fields) {
    super(`${code ?? 'no code'}: ${message}`);
    Object.assign(this, { code, fields });
  }
}

/** An answer whose signature the package found wrong. */
export class Disbelieved extends Error {}

/** The npm package wechatpay-axios-plugin. Its certificate comes from the p12 file. */
export class AxiosPlugin {
  /** `certificate`: the options of a TLS client, or none. */
  constructor(merchant, signType, { apiKey = merchant.api_key, certificate = p12(merchant) } = {}) {
    Object.assign(this, { merchant, signType, apiKey });
    this.wxpay = new Wechatpay({
      baseURL: merchant.pay_tls_url,
      mchid: merchant.mchid,
      secret: apiKey,
      merchant: certificate,
      proxy: false,
      // What the other protocol needs; the package does not start without.
      serial: merchant.serial_no,
      privateKey: merchant.text('apiclient_key.pem'),
      certs: { [merchant.public_key_id]: merchant.text('pub_key.pem') },
    });
  }

  /** Answers are verified by the package. */
  async call(path, fields) {
    try {
      const { data } = await this.#post(path, fields);
      return data;
    } catch (error) {
      throw refusal(error);
    }
  }

  #post(path, fields, config = {}) {
    const { appid, mchid } = this.merchant;
    const resource = path.split('/').reduce((at, name) => at[name], this.wxpay.v2);
    return resource.post({ appid, mch_id: mchid, sign_type: this.signType, ...fields }, { security: CERTIFIED.includes(path), ...config });
  }

  /** Whether the refusal that came with a code carries the right signature. */
  isSigned(fields) {
    return Hash.equals(Hash.sign(this.signType, fields, this.apiKey), fields.sign);
  }

  /** Bills are no XML: the package wants to be told, and has a reader for them. */
  async file(path, fields) {
    const { data, headers } = await this.#post(path, fields, { responseType: 'arraybuffer', transformResponse: [(bytes) => bytes] });
    if (data.subarray(0, 5).toString() === '<xml>') {
      const refused = Transformer.toObject(data.toString());
      throw new Refused(undefined, refused.return_msg, refused);
    }
    return { bytes: data, digest: headers.digest };
  }

  table(bytes) {
    return Formatter.castCsvBill(bytes);
  }

  sha1(bytes) {
    return Hash.sha1(bytes);
  }

  /** A notification, verified or decrypted as the package's manual says; null when it is not to be believed. */
  async open(body) {
    try {
      const { req_info: sealed, ...fields } = Transformer.toObject(body);
      if (sealed) {
        const refund = Transformer.toObject(Aes.AesEcb.decrypt(sealed, Hash.md5(this.apiKey)));
        // Another key makes noise of it, in which the package's reader may find something.
        return refund?.refund_id ? refund : null;
      }
      // The shop knows how it signs its orders; the other way would be a downgrade.
      return Hash.equals(Hash.sign(this.signType, fields, this.apiKey), fields.sign) ? fields : null;
    } catch (error) {
      return disbelieved(error);
    }
  }

  /** What `wx.requestPayment` gets. */
  payment(prepayId) {
    const signed = {
      appId: this.merchant.appid, timeStamp: `${Formatter.timestamp()}`, nonceStr: Formatter.nonce(),
      package: `prepay_id=${prepayId}`, signType: this.signType,
    };
    return { ...signed, paySign: Hash.sign(this.signType, signed, this.apiKey) };
  }

  /** What a mobile app gets. */
  appPayment(prepayId) {
    const signed = {
      appid: this.merchant.appid, partnerid: this.merchant.mchid, prepayid: prepayId, package: 'Sign=WXPay',
      noncestr: Formatter.nonce(), timestamp: `${Formatter.timestamp()}`,
    };
    return { ...signed, sign: Hash.sign(this.signType, signed, this.apiKey) };
  }
}

/** What the package rejected with: an answer that says no, one that is not to be believed, or no answer. */
function refusal(error) {
  const { data } = error.response ?? {};
  if (error.code === 'EV2_RES_SIGNATURE_NOT_EQUAL') return new Disbelieved();
  if (error.code !== 'EV2_RES_STATUS_CODE_NOT_SUCESS') return error;
  return new Refused(data.err_code, data.err_code_des ?? data.return_msg, data);
}

/**
 * The npm package tenpay. It checks appid and mch_id of every answer beside the signature, but not the signature of
 * refusals; packed bills, HMAC-SHA256 in notifications that do not name it, and whose code it is are beyond it.
 */
export class TenpayClient {
  constructor(merchant, signType, { apiKey = merchant.api_key, certificate = p12(merchant) } = {}) {
    Object.assign(this, { merchant, signType });
    const { appid, mchid } = merchant;
    this.tenpay = new Tenpay({ appid, mchid, partnerKey: apiKey, pfx: certificate?.pfx });
    // The package has no setting for the address, but keeps the addresses in a table of the object.
    for (const [name, url] of Object.entries(this.tenpay.urls)) {
      this.tenpay.urls[name] = url.replace('https://api.mch.weixin.qq.com', merchant.pay_tls_url);
    }
  }

  async call(path, fields) {
    const method = {
      'pay/unifiedorder': 'unifiedOrder', 'pay/orderquery': 'orderQuery', 'pay/closeorder': 'closeOrder',
      'secapi/pay/refund': 'refund', 'pay/refundquery': 'refundQuery', 'pay/micropay': 'micropay',
      'secapi/pay/reverse': 'reverse',
    }[path];
    try {
      return await this.tenpay[method]({ sign_type: this.signType, ...fields });
    } catch (error) {
      throw this.#refusal(error);
    }
  }

  /** The package throws an Error with nothing but the code, or what was said in its place. */
  #refusal(error) {
    if (error.message === 'sign签名错误') return new Disbelieved();
    if (/^[A-Z_]{4,32}$/.test(error.message)) return new Refused(error.message, error.message);
    return error.constructor === Error ? new Refused(undefined, error.message) : error;
  }

  async file(path, fields) {
    const method = path === 'pay/downloadbill' ? 'downloadBill' : 'downloadFundflow';
    try {
      const table = await this.tenpay[method]({ sign_type: this.signType, ...fields }, true);
      return { table };
    } catch (error) {
      throw this.#refusal(error);
    }
  }

  /** Opened by what the package puts in front of a Koa server. */
  async open(body) {
    const context = { request: { body } };
    await this.tenpay.middleware(body.includes('<req_info>') ? 'refund' : 'pay')(context, () => {});
    if (!context.request.weixin) return disbelieved(new Error(context.body));
    return context.request.weixin.req_info ?? context.request.weixin;
  }

  payment(prepayId) {
    return this.tenpay.getPayParamsByPrepay({ prepay_id: prepayId }, this.signType);
  }

  appPayment(prepayId) {
    return this.tenpay.getAppParamsByPrepay({ prepay_id: prepayId }, this.signType);
  }
}

export const CLIENTS = { 'wechatpay-axios-plugin': AxiosPlugin, tenpay: TenpayClient };

/** The p12 file as it is downloaded from WeChat; its password is the merchant number. */
export function p12(merchant) {
  return { pfx: readFileSync(join(merchant.folder, 'apiclient_cert.p12')), passphrase: merchant.mchid };
}

function disbelieved(error) {
  console.log(`       the package said of a notification: ${error.message.replaceAll(/[^\x20-\x7e\u4e00-\u9fff]+/g, ' ')}`);
  return null;
}
