import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mock, test } from 'node:test';
import { createBackend } from '../backend/server.mjs';

const menu = JSON.parse(readFileSync(new URL('../menu.json', import.meta.url), 'utf8'));

/** The backend with a Shouyin that answers as told, then with success; `sent` is what it received. */
function shop(...answers) {
  const sent = [];
  const fetch = async (url, { headers, body, method }) => {
    sent.push({ url, method, headers, body: JSON.parse(body) });
    const answer = answers.shift() || { status: 201, body: { id: 'pay_1', state: 'open' } };
    if (answer instanceof Error) throw answer;
    return new Response(JSON.stringify(answer.body), { status: answer.status });
  };
  const handle = createBackend({ menu, shouyinUrl: 'https://pay.example.com', apiKey: 'key-of-the-shop', fetch });
  return { sent, order: (body) => handle('POST', '/orders', typeof body === 'string' ? body : JSON.stringify(body)), handle };
}

test('the price comes from the menu', async () => {
  const { order, sent } = shop();
  const { status, body } = await order({ item: 'latte', size: 'large', checkout_id: 'checkout-1' });
  assert.equal(status, 201);
  assert.deepEqual(body, { payment_id: 'pay_1', order_no: sent[0].body.order_no, amount_fen: 3200 });
  assert.deepEqual(sent[0].body, { order_no: body.order_no, amount_fen: 3200, description: '拿铁 大杯' });
  assert.equal(sent[0].url, 'https://pay.example.com/v1/payments');
  assert.equal(sent[0].headers.authorization, 'Bearer key-of-the-shop');
  assert.equal(sent[0].headers['idempotency-key'], body.order_no);
  assert.match(body.order_no, /^[A-Z0-9]{6,32}$/);
});

test('the first size is meant when none is said, and a croissant has none', async () => {
  const { order } = shop();
  assert.equal((await order({ item: 'latte' })).body.amount_fen, 2800);
  assert.equal((await order({ item: 'croissant' })).body.amount_fen, 1600);
});

test('the same checkout is the same order, another checkout another one', async () => {
  const { order } = shop();
  const number = async (checkout_id) => (await order({ item: 'latte', checkout_id })).body.order_no;
  assert.equal(await number('checkout-1'), await number('checkout-1'));
  assert.notEqual(await number('checkout-1'), await number('checkout-2'));
  assert.notEqual((await order({ item: 'latte' })).body.order_no, (await order({ item: 'latte' })).body.order_no);
});

test('orders that make no sense never reach Shouyin', async () => {
  const { order, sent } = shop();
  const wrong = ['', 'null', '[]', {}, { item: 'gold' }, { item: 'latte', size: 'huge' }, { item: 'croissant', size: 'large' }];
  wrong.push({ item: 'latte', amount_fen: 1 }, { item: 'latte', checkout_id: 7 }, { item: 'latte', checkout_id: '' });
  for (const body of wrong) assert.equal((await order(body)).status, 400, JSON.stringify(body));
  assert.equal(sent.length, 0);
});

test('a lost answer is asked for again under the same key', async () => {
  const { order, sent } = shop(new Error('socket closed'));
  assert.equal((await order({ item: 'latte' })).status, 201);
  assert.equal(sent.length, 2);
  assert.deepEqual(sent[0], sent[1]);
});

test('what Shouyin refuses is logged for the shop and hidden from the buyer', async () => {
  const logged = mock.method(console, 'error', () => undefined);
  const { order, sent } = shop({ status: 401, body: { code: 'api_key_invalid', detail: 'secret detail' } });
  const { status, body } = await order({ item: 'latte' });
  assert.deepEqual([status, body.code, sent.length], [502, 'payments_unavailable', 1]);
  assert.doesNotMatch(JSON.stringify(body), /secret detail|key-of-the-shop/);
  assert.equal(logged.mock.callCount(), 1);
  logged.mock.restore();
});

test('the menu is served and nothing else', async () => {
  const { handle } = shop();
  assert.deepEqual(await handle('GET', '/menu'), { status: 200, body: menu });
  for (const [method, path] of [['GET', '/orders'], ['POST', '/menu'], ['GET', '/../package.json']]) {
    assert.equal((await handle(method, path)).status, 404);
  }
});
