// Scanning a QR code, opening a link in a browser, opening a page inside WeChat: three screens that take an address.

import { follow } from './cashier.js';
import { byId, cards, phone, say } from './common.js';

const AUTHORIZE = 'https://open.weixin.qq.com/connect/';
const SCREENS = {
  scan: { product: 'NATIVE', go: followAndClose },
  link: { product: 'MWEB', go: followAndClose },
  page: { go: openPage },
};
let screen = null;

export function prepare() {
  byId('links-form').addEventListener('submit', (event) => {
    event.preventDefault();
    SCREENS[screen].go(byId('links-url').value.trim());
  });
}

export function open(name) {
  screen = name;
  byId('links-url').value = '';
  tell('');
  byId('links').hidden = false;
  draw();
  byId('links-url').focus();
}

export function close() {
  screen = null;
  byId('links').hidden = true;
}

export function draw() {
  if (!screen) return;
  byId('links-title').textContent = say(`${screen}Title`);
  byId('links-ask').textContent = say(`${screen}Ask`);
  byId('links-go').textContent = say(`${screen}Go`);
  const { product } = SCREENS[screen];
  if (product) {
    const waiting = phone.orders.filter((order) => order.trade_type === product && order.trade_state === 'NOTPAY' && order.prepay_id);
    cards('links-orders', waiting, `${screen}None`, (order) => SCREENS[screen].go(order.link));
  } else {
    byId('links-orders').replaceChildren();
    if (!byId('links-told').textContent) tell(say('pageNote', { user: phone.user }), true);
  }
}

function tell(text, harmless) {
  byId('links-told').textContent = text;
  byId('links-told').classList.toggle('note', Boolean(harmless));
}

async function followAndClose(url) {
  const why = await follow(url, returnAddress(url));
  tell(why);
  if (!why) close();
}

// A real authorization page knows nobody here; the simulator's is at the same path.
function openPage(url) {
  const here = url.startsWith(AUTHORIZE) ? new URL(url.slice(AUTHORIZE.length), new URL('../connect/', location.href)) : url;
  if (!/^https?:/.test(String(here))) return tell(url);
  location.assign(here);
}

/** Where the shop wants its customer back: `redirect_url` of an h5_url, if it is an address. */
export function returnAddress(url) {
  const wanted = url.match(/[?&]redirect_url=([^&]*)/)?.[1];
  const address = wanted && decodeURIComponent(wanted);
  return address && /^https?:\/\//.test(address) ? address : undefined;
}
