// The shop's own backend: it alone knows the prices. Shouyin is asked for a payment; the mini program learns its id.
//
//   SHOUYIN_URL=http://localhost:8080 SHOUYIN_API_KEY=... [SHOUYIN_APPID=wx...] [PORT=9000] node backend/server.mjs
//
//   GET  /menu    -> menu.json
//   POST /orders  {"item", "size"?, "checkout_id"?} -> 201 {"payment_id", "order_no", "amount_fen"}
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

/** The shop without its socket: `(method, path, body text) -> { status, body }`. */
export function createBackend({ menu, shouyinUrl, apiKey, appid, fetch = globalThis.fetch }) {
  return async function handle(method, path, text = '') {
    if (method === 'GET' && path === '/menu') return { status: 200, body: menu };
    if (method !== 'POST' || path !== '/orders') return problem(404, 'not_found', 'There is only GET /menu and POST /orders.');
    const order = priced(menu, text);
    return order.problem || payable(order);
  };

  async function payable({ amount_fen, description, checkoutId }) {
    // The number follows from the checkout, so a repeated request is the same order, also after a restart of this process.
    const order_no = 'CS' + createHash('sha256').update(checkoutId).digest('hex').slice(0, 24).toUpperCase();
    const answer = await createPayment({ order_no, amount_fen, description, ...(appid && { appid }) });
    if (answer.status >= 300) {
      console.error('Shouyin refused order %s: %d %s %s', order_no, answer.status, answer.body.code, answer.body.detail);
      return problem(502, 'payments_unavailable', 'The order cannot be paid right now.');
    }
    return { status: 201, body: { payment_id: answer.body.id, order_no, amount_fen } };
  }

  /** Sent at most twice with one Idempotency-Key: however often it arrives, there is one payment. */
  async function createPayment(payment, tries = 2) {
    const headers = { authorization: 'Bearer ' + apiKey, 'content-type': 'application/json', 'idempotency-key': payment.order_no };
    const request = { method: 'POST', headers, body: JSON.stringify(payment), signal: AbortSignal.timeout(8000) };
    const answer = await fetch(shouyinUrl + '/v1/payments', request)
      .then(async (response) => ({ status: response.status, body: await response.json() }))
      .catch((error) => ({ status: 599, body: { code: 'no_answer', detail: String(error) } }));
    return answer.status >= 500 && tries > 1 ? createPayment(payment, tries - 1) : answer;
  }
}

/** What the order costs, from the menu and from nothing the client says. */
function priced(menu, text) {
  const refused = (detail) => ({ problem: problem(400, 'order_invalid', detail) });
  let order;
  try {
    order = JSON.parse(text);
  } catch {
    return refused('The body must be JSON.');
  }
  const { item: itemId, size: sizeId, checkout_id: checkoutId = randomUUID(), ...others } = order || {};
  if (Object.keys(others).length > 0) return refused('Unknown fields: ' + Object.keys(others).join(', '));
  const item = menu.items.find(({ id }) => id === itemId);
  if (!item) return refused('There is no such item.');
  const size = item.sized ? menu.sizes.find(({ id }) => id === (sizeId || menu.sizes[0].id)) : undefined;
  if (sizeId && !size) return refused('There is no such size.');
  if (typeof checkoutId !== 'string' || checkoutId.length < 8) return refused('checkout_id must be a text of 8 characters or more.');
  const description = size ? item.name.zh + ' ' + size.name.zh : item.name.zh;
  return { amount_fen: item.price_fen + (size ? size.extra_fen : 0), description, checkoutId };
}

function problem(status, code, detail) {
  return { status, body: { type: 'about:blank', title: code, status, code, detail } };
}

function serve() {
  const { SHOUYIN_URL: shouyinUrl, SHOUYIN_API_KEY: apiKey, SHOUYIN_APPID: appid, PORT: port = '9000' } = process.env;
  if (!shouyinUrl || !apiKey) throw new Error('SHOUYIN_URL and SHOUYIN_API_KEY must be set');
  const menu = JSON.parse(readFileSync(new URL('../menu.json', import.meta.url), 'utf8'));
  const handle = createBackend({ menu, shouyinUrl, apiKey, appid });
  createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) if ((text += chunk).length > 4096) return request.destroy();
    const { status, body } = await handle(request.method, request.url, text);
    response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' });
    response.end(JSON.stringify(body));
  }).listen(Number(port), () => console.log('The coffee shop listens on port %s', port));
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) serve();
