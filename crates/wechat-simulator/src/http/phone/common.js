// What the parts of the page share: whose phone it is, the language, and calls of the control API.

import { words } from './words.js';

const COOKIE = 'simulated_user';
const query = new URLSearchParams(location.search);
const remembered = document.cookie.match(/(?:^|; )simulated_user=([^;]*)/)?.[1];

export const phone = {
  user: query.get('user') ?? (remembered ? decodeURIComponent(remembered) : 'buyer'),
  language: query.get('lang') ?? (navigator.language.startsWith('zh') ? 'zh' : 'en'),
  orders: [],
};

// Pages of official accounts learn from the cookie whose phone it is.
export function remember(user) {
  phone.user = user;
  document.cookie = `${COOKIE}=${encodeURIComponent(user)}; path=/; SameSite=Lax`;
}

export const byId = (id) => document.getElementById(id);

export function say(key, values = {}) {
  const text = words[phone.language][key] ?? words.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

// Yuan from integer fen, without fractions of numbers.
export const yuan = (fen) => `¥${Math.trunc(fen / 100)}.${String(fen % 100).padStart(2, '0')}`;

export async function call(path, body) {
  const response = await fetch(`../_control${path}`, body && {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
  return response.json();
}

export function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** Cards for orders; `verb` says what a tap on a payable one does. */
export function cards(target, orders, none, tap) {
  const shown = orders.map((order) => card(order, tap));
  byId(target).replaceChildren(...(shown.length ? shown : [element('div', say(none), 'empty')]));
}

function card(order, tap) {
  const payable = tap && order.trade_state === 'NOTPAY' && order.prepay_id;
  const box = element(payable ? 'button' : 'div');
  const from = element('small', undefined, 'from');
  from.append(element('span', say(order.trade_type), 'badge'), `${order.out_trade_no} · ${order.merchant_name}`);
  box.append(element('span', order.description, 'what'), element('span', yuan(order.amount_fen), 'price'), from, state(order, payable));
  if (payable) {
    box.type = 'button';
    box.addEventListener('click', () => tap(order));
  }
  return box;
}

function state(order, payable) {
  if (payable) return element('span', say(`do${order.trade_type}`), 'verb');
  const good = ['SUCCESS', 'REFUND'].includes(order.trade_state);
  const bad = ['PAYERROR', 'REVOKED'].includes(order.trade_state);
  const text = order.trade_state === 'NOTPAY' && !order.prepay_id && order.trade_type !== 'MICROPAY' ? 'expired' : order.trade_state;
  return element('span', say(text), `state ${good ? 'good' : bad ? 'bad' : ''}`);
}
