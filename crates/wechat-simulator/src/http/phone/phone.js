// The page: whose phone it is, what there is to pay, and the screens that open over it.

import * as cashier from './cashier.js';
import * as code from './code.js';
import { byId, call, cards, phone, remember, say } from './common.js';
import * as links from './links.js';

const REFRESH_MS = 1500;
const RECENT = 20;
const NEW_USER = '\u0000new';
let users = [];

function draw() {
  document.documentElement.lang = phone.language === 'zh' ? 'zh-CN' : 'en';
  document.title = say('title');
  byId('language').textContent = phone.language === 'zh' ? 'English' : '中文';
  byId('bar').textContent = phone.user;
  for (const part of document.querySelectorAll('[data-text]')) part.textContent = say(part.dataset.text);
  const names = [...new Set([...users, phone.user])].sort();
  byId('user').replaceChildren(...names.map((name) => new Option(name, name, false, name === phone.user)), new Option(say('newUser'), NEW_USER));
  drawOrders();
  links.draw();
}

function drawOrders() {
  const mine = phone.orders.filter((order) => !order.user || order.user === phone.user);
  const open = (order) => order.trade_state === 'NOTPAY' && order.trade_type !== 'MICROPAY';
  cards('open', mine.filter(open), 'noneOpen', tap);
  cards('recent', mine.filter((order) => order.user && !open(order)).slice(0, RECENT), 'noneRecent');
}

async function tap(order) {
  // Codes and links lead to their payer; programs and apps have called the cashier themselves.
  byId('notice').textContent = order.link ? await cashier.follow(order.link) : '';
  if (!order.link) cashier.open(order);
}

let seen = '';
async function refresh() {
  const [known, orders] = await Promise.all([call('/users'), call('/orders')]);
  const now = JSON.stringify([known, orders]);
  if (now === seen) return;
  seen = now;
  users = known.map((entry) => entry.user);
  phone.orders = orders;
  if (document.activeElement === byId('user')) drawOrders();
  else draw();
}

const attempt = () => refresh().catch((error) => console.error(error));

function closeScreens() {
  links.close();
  code.close();
}

cashier.prepare(attempt);
links.prepare();
code.prepare();
for (const button of document.querySelectorAll('[data-screen]')) {
  const name = button.dataset.screen;
  button.addEventListener('click', () => (name === 'code' ? code.open() : links.open(name)));
}
for (const button of document.querySelectorAll('[data-close]')) button.addEventListener('click', closeScreens);
document.addEventListener('keydown', (event) => { if (event.key === 'Escape') closeScreens(); });
byId('user').addEventListener('change', (event) => {
  const chosen = event.target.value === NEW_USER ? prompt(say('newUserName'))?.trim() : event.target.value;
  if (chosen) remember(chosen);
  closeScreens();
  draw();
});
byId('language').addEventListener('click', () => {
  phone.language = phone.language === 'zh' ? 'en' : 'zh';
  draw();
  code.draw();
});

remember(phone.user);
draw();
await attempt();
const followed = new URLSearchParams(location.search);
// A browser came by an h5_url; or the page was opened on one of its screens.
const link = followed.get('link');
if (link) {
  const why = await cashier.follow(new URL(link, location.href).href, links.returnAddress(link));
  if (why) { links.open('link'); byId('links-told').textContent = why; }
}
const screen = followed.get('screen');
if (screen === 'code') await code.open();
else if (['scan', 'link', 'page'].includes(screen)) links.open(screen);
setInterval(attempt, REFRESH_MS);
