// What a merchant has on the desk: the simulator's keys, its control API, a place for notifications.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

/** Milliseconds to wait for anything that the simulator does by itself. */
export const PATIENCE = 20_000;

/** The credentials that `shouyin simulator --out DIR` wrote to the folder. */
export function readMerchant(folder) {
  const text = (name) => readFileSync(join(folder, name), 'utf8');
  return { ...JSON.parse(text('merchant.json')), folder, text };
}

/** The simulator's own API: what buyers do, and what goes wrong. */
export class Control {
  constructor(url) {
    this.url = url.replace(/\/$/, '');
  }

  /** Returns the status and the parsed answer; errors of HTTP are answers, too. */
  async post(path, body, method = 'POST') {
    const answer = await fetch(this.url + path, {
      method,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE),
    });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : null };
  }

  async must(path, body, method = 'POST') {
    const answer = await this.post(path, body, method);
    if (answer.status >= 300) {
      throw new Error(`${method} ${path} was answered with ${answer.status}: ${JSON.stringify(answer.body)}`);
    }
    return answer.body;
  }
}

/** The openid of the default buyer in the official account: a page sends the browser to WeChat, and exchanges what it comes back with. */
async function pageOpenid({ api_base_url: wechat, official_account: { appid, app_secret: secret } }) {
  const asked = new URLSearchParams({
    appid, redirect_uri: 'https://shop.example.com/table/9', response_type: 'code', scope: 'snsapi_base',
  });
  const sentBack = await fetch(`${wechat}/connect/oauth2/authorize?${asked}`, { redirect: 'manual' });
  const code = new URL(sentBack.headers.get('location')).searchParams.get('code');
  const exchanged = new URLSearchParams({ appid, secret, code, grant_type: 'authorization_code' });
  return (await (await fetch(`${wechat}/sns/oauth2/access_token?${exchanged}`)).json()).openid;
}

/** The appids of the merchant's apps, and by which openid the default buyer is known in them. */
export async function buyerInApps(control, merchant) {
  const { appid, official_account: account, mobile_app: mobile } = merchant;
  return {
    appids: { miniProgram: appid, officialAccount: account.appid, mobileApp: mobile.appid },
    // A mobile app's server never learns the openid before it is paid.
    openids: {
      miniProgram: (await control.must('/login-codes', { appid, user: 'buyer' })).openid,
      officialAccount: await pageOpenid(merchant),
    },
  };
}

const xmlAnswer = (code, message) => `<xml><return_code><![CDATA[${code}]]></return_code><return_msg><![CDATA[${message}]]></return_msg></xml>`;
/**
 * How a merchant's server answers a notification, by protocol and by whether it was accepted: status, type, body.
 * The words of acceptance in the older protocol are those of its documentation, "payment notification".
 */
const ANSWERS = {
  v3: {
    accepted: [204, null, ''],
    refused: [401, 'application/json', JSON.stringify({ code: 'FAIL', message: 'refused' })],
  },
  v2: { accepted: [200, 'text/xml', xmlAnswer('SUCCESS', 'OK')], refused: [200, 'text/xml', xmlAnswer('FAIL', 'refused')] },
};

/** What stays the same when a notification is sent again: APIv3's id; the transaction, or what is encrypted, in the older protocol. */
const SAME_WHEN_REPEATED = /"id":"[^"]+"|<transaction_id>.+?<\/transaction_id>|<req_info>[^]+?<\/req_info>/;

/** A small server for notifications. `judge` gets headers and body and says whether it accepts them. */
export class Receiver {
  #accepted = new Set();
  #arrived = [];
  #waiting = [];

  static async start(judge, protocol = 'v3') {
    const receiver = new Receiver();
    receiver.server = createServer(async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks).toString('utf8');
      const accepted = Boolean(await judge(request.headers, body));
      const [status, type, answer] = ANSWERS[protocol][accepted ? 'accepted' : 'refused'];
      response.writeHead(status, type ? { 'Content-Type': type } : {}).end(answer);
      receiver.#push({ headers: request.headers, body, accepted });
    });
    receiver.server.listen(0, '127.0.0.1');
    await once(receiver.server, 'listening');
    receiver.url = `http://127.0.0.1:${receiver.server.address().port}/wechat/notify`;
    return receiver;
  }

  /** One that was accepted may come again, when the answer was late for WeChat: it is passed over. */
  #push(notification) {
    const [name] = SAME_WHEN_REPEATED.exec(notification.body) ?? [];
    if (notification.accepted && this.#accepted.has(name)) return;
    if (notification.accepted) this.#accepted.add(name);
    const first = this.#waiting.shift();
    if (first) first(notification);
    else this.#arrived.push(notification);
  }

  /** The next notification: headers, raw body, and whether it was accepted; null when none comes. */
  next() {
    if (this.#arrived.length > 0) return Promise.resolve(this.#arrived.shift());
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((waiting) => waiting !== arrive);
        resolve(null);
      }, PATIENCE);
      const arrive = (notification) => {
        clearTimeout(timer);
        resolve(notification);
      };
      this.#waiting.push(arrive);
    });
  }

  close() {
    this.server.close();
    this.server.closeAllConnections();
  }
}
