// The payment code: 18 digits and their bars, a new one every minute, and what happens once a till has scanned it.

import { bars } from './barcode.js';
import { paid } from './cashier.js';
import { byId, call, element, phone, say, yuan } from './common.js';

const STORIES = ['pays', 'pays_later', 'hesitates', 'fails', 'pays_at_reverse', 'not_enough_money', 'card_not_supported', 'bank_error'];
const POLL_MS = 1000;
let shown = null;
let drawn = '';
let timer = null;

export function prepare() {
  byId('story').addEventListener('change', renew);
  byId('copy').addEventListener('click', async () => {
    await navigator.clipboard.writeText(shown.auth_code);
    byId('copy').textContent = say('codeCopied');
  });
}

export async function open() {
  byId('code').hidden = false;
  draw();
  await renew();
  clearInterval(timer);
  timer = setInterval(() => look().catch((error) => console.error(error)), POLL_MS);
}

export function close() {
  clearInterval(timer);
  shown = null;
  byId('code').hidden = true;
}

export function draw() {
  const story = byId('story').value || 'pays';
  byId('story').replaceChildren(...STORIES.map((name) => new Option(say(name), name, false, name === story)));
  byId('copy').textContent = say('codeCopy');
  drawn = '';
  if (shown) show(shown);
}

async function renew() {
  const { auth_code: digits } = await call('/payment-codes', { user: phone.user, story: byId('story').value });
  const { path, width } = bars(digits);
  byId('bars').setAttribute('viewBox', `0 0 ${width} 1`);
  byId('bars').innerHTML = `<path d="${path}"/>`;
  byId('digits').textContent = digits.replace(/(\d{4})(?=\d)/g, '$1 ');
  byId('copy').textContent = say('codeCopy');
  shown = await call(`/payment-codes/${digits}`);
  show(shown);
}

async function look() {
  if (!shown) return;
  const now = await call(`/payment-codes/${shown.auth_code}`);
  if (now.auth_code !== shown?.auth_code) return;
  const before = shown.order?.trade_state;
  shown = now;
  if (!now.order && now.expires_in_ms === 0) return renew();
  show(now);
  if (now.order?.trade_state === 'SUCCESS' && before !== 'SUCCESS') {
    close();
    paid(now.order.amount_fen, now.order.merchant_name);
  }
}

function show({ order, expires_in_ms: left }) {
  document.querySelector('.card').classList.toggle('gone', Boolean(order));
  byId('left').textContent = order ? say('codeUsed') : say('codeLeft', { s: Math.ceil(left / 1000) });
  byId('copy').hidden = Boolean(order);
  byId('used').hidden = !order;
  const wanted = order ? `${order.trade_state} ${order.out_trade_no}` : 'none';
  if (wanted === drawn) return;
  drawn = wanted;
  if (order) byId('used').replaceChildren(...used(order));
}

function used(order) {
  const amount = element('div', yuan(order.amount_fen), 'amount');
  if (order.trade_state === 'USERPAYING') {
    return [element('b', say('password')), element('span', say('passwordFor', { merchant: order.merchant_name })), amount, button('enter', 'primary', () => decide(true)), button('refuse', 'quiet', () => decide(false))];
  }
  const words = { REVOKED: 'revoked', SUCCESS: 'done', REFUND: 'REFUND' }[order.trade_state] ?? 'failed';
  return [element('b', say(words)), element('span', order.merchant_name), amount, button('again', 'primary', renew)];
}

function button(key, className, tap) {
  const made = element('button', say(key), className);
  made.type = 'button';
  made.addEventListener('click', tap);
  return made;
}

async function decide(pays) {
  await call(`/payment-codes/${shown.auth_code}/decide`, { pays });
  await look();
}
