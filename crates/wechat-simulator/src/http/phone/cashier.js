// The cashier: a sheet over whatever is open, and the page that says it is paid.

import { byId, call, phone, say, yuan } from './common.js';

let current = null;
let changed = () => {};

/** `whenChanged` is called after everything the buyer did. */
export function prepare(whenChanged) {
  changed = whenChanged;
  for (const button of document.querySelectorAll('[data-action]')) button.addEventListener('click', () => act(button.dataset.action));
  document.addEventListener('keydown', (event) => { if (event.key === 'Escape' && current) act('cancel'); });
  byId('done-close').addEventListener('click', leave);
}

/** Opens the sheet. `back` is where a browser goes afterwards. */
export function open(cashier, back) {
  current = { ...cashier, back };
  byId('payee').textContent = cashier.merchant_name;
  byId('amount').textContent = yuan(cashier.amount_fen);
  byId('goods').textContent = cashier.description;
  byId('number').textContent = cashier.out_trade_no;
  byId('told').textContent = '';
  byId('cashier').hidden = false;
  document.querySelector('.sheet .primary').focus();
}

/** Scans a code_url or follows an h5_url; the text to show when that fails. */
export async function follow(url, back) {
  const cashier = await call('/cashier/follow', { url, user: phone.user });
  if (cashier.reason) return cashier.reason;
  open(cashier, back);
  return '';
}

async function act(action) {
  if (!current) return;
  const buttons = document.querySelectorAll('.sheet button');
  buttons.forEach((button) => { button.disabled = true; });
  try {
    const result = await call('/cashier/pay', { prepay_id: current.prepay_id, user: phone.user, action });
    if (result.reason) byId('told').textContent = result.reason;
    else if (action === 'cancel') leave();
    else if (action === 'pay_and_vanish') { current.back = undefined; leave(); }
    else if (action === 'pay') paid(current.amount_fen, current.merchant_name);
    else byId('told').textContent = say(`told_${action}`);
  } catch (error) {
    byId('told').textContent = String(error);
  }
  buttons.forEach((button) => { button.disabled = false; });
  changed();
}

/** The page that says so. */
export function paid(fen, merchant) {
  byId('cashier').hidden = true;
  byId('done-title').textContent = say('done');
  byId('done-amount').textContent = yuan(fen);
  byId('done-to').textContent = say('doneTo', { merchant });
  byId('done-close').textContent = say(current?.back ? 'back' : 'close');
  byId('done').hidden = false;
  byId('done-close').focus();
}

function leave() {
  const back = current?.back;
  current = null;
  byId('cashier').hidden = true;
  byId('done').hidden = true;
  if (back) location.assign(back);
}
