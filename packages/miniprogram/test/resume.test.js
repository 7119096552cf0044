'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { createPhone } = require('./support/phone.js');

const SILENT = { silent: true };

/** Opens the cashier and kills the app; the buyer's money moves meanwhile if `moves`. */
async function killedInTheCashier(moves) {
  const phone = createPhone();
  phone.cashier(SILENT);
  phone.shouyin.pay('pay_1');
  await phone.clock.advance(1500);
  assert.equal(phone.wx.calls.requestPayment.length, 1);
  phone.server.payments.get('pay_1').moneyMoved = moves;
  return phone.killed();
}

test('a_payment_made_while_the_app_was_killed_is_found_at_the_next_start', async () => {
  const phone = await killedInTheCashier(true);
  const found = await phone.run(phone.shouyin.confirmPending());
  assert.deepEqual(found, [{ paymentId: 'pay_1', state: 'paid' }]);
  assert.deepEqual(await phone.run(phone.shouyin.confirmPending()), [], 'and told once');
});

test('an_unfinished_payment_is_asked_for_again_and_again', async () => {
  const phone = await killedInTheCashier(false);
  assert.deepEqual(await phone.run(phone.shouyin.confirmPending()), [{ paymentId: 'pay_1', state: 'open' }]);
  phone.server.payments.get('pay_1').moneyMoved = true;
  assert.deepEqual(await phone.run(phone.shouyin.confirmPending()), [{ paymentId: 'pay_1', state: 'paid' }]);
});

test('without_network_a_killed_payment_stays_remembered', async () => {
  const phone = await killedInTheCashier(true);
  phone.server.fault('confirm', ...Array(3).fill({ network: 'request:fail ' }));
  const found = await phone.run(phone.shouyin.confirmPending());
  assert.deepEqual(found, [{ paymentId: 'pay_1', state: 'unknown', reason: 'network' }]);
  assert.deepEqual(await phone.run(phone.shouyin.confirmPending()), [{ paymentId: 'pay_1', state: 'paid' }]);
});

test('a_payment_the_server_does_not_know_is_forgotten', async () => {
  const phone = await killedInTheCashier(false);
  phone.server.payments.clear();
  const found = await phone.run(phone.shouyin.confirmPending());
  assert.deepEqual(found, [{ paymentId: 'pay_1', state: 'unknown', reason: 'payment_not_found' }]);
  assert.deepEqual(await phone.run(phone.shouyin.confirmPending()), []);
});

test('a_payment_at_the_cashier_is_not_asked_for_twice', async () => {
  const phone = createPhone();
  phone.cashier(SILENT);
  phone.shouyin.pay('pay_1');
  await phone.clock.advance(1500);
  assert.deepEqual(await phone.run(phone.shouyin.confirmPending()), []);
});

test('two_resumes_at_once_are_one', async () => {
  const phone = await killedInTheCashier(true);
  const both = Promise.all([phone.shouyin.confirmPending(), phone.shouyin.confirmPending()]);
  const [first, second] = await phone.run(both);
  assert.equal(first, second);
  assert.equal(phone.server.count('confirm'), 1);
});

test('only_the_newest_twenty_are_remembered', async () => {
  const phone = createPhone();
  phone.cashier({ errMsg: 'requestPayment:fail cancel' });
  for (let number = 1; number <= 22; number += 1) {
    phone.server.addPayment('pay_' + number);
    await phone.run(phone.shouyin.pay('pay_' + number));
  }
  const ids = (await phone.run(phone.shouyin.confirmPending())).map(({ paymentId }) => paymentId);
  assert.equal(ids.length, 20);
  assert.equal(ids[0], 'pay_3');
});

test('confirm_asks_once_and_says_what_the_server_says', async () => {
  const phone = createPhone();
  for (const state of ['open', 'closing', 'closed', 'paid']) {
    phone.server.payments.get('pay_1').state = state;
    assert.deepEqual(await phone.run(phone.shouyin.confirm('pay_1')), { paymentId: 'pay_1', state });
  }
  assert.equal(phone.server.count('confirm'), 4);
});

test('confirm_gives_up_after_three_tries_and_says_unknown', async () => {
  const phone = createPhone();
  phone.server.fault('confirm', { network: 'request:fail ' }, { status: 500 }, { status: 429, code: 'rate_limited' });
  const expected = { paymentId: 'pay_1', state: 'unknown', reason: 'rate_limited' };
  assert.deepEqual(await phone.run(phone.shouyin.confirm('pay_1')), expected);
  assert.equal(phone.server.count('confirm'), 3);
});

test('a_refused_question_is_an_error', async () => {
  const phone = createPhone();
  await assert.rejects(phone.run(phone.shouyin.confirm('pay_2')), { code: 'payment_not_found', status: 404 });
});

test('the_view_of_a_payment_comes_from_the_server', async () => {
  const phone = createPhone();
  const view = await phone.run(phone.shouyin.getPayment('pay_1'));
  assert.deepEqual(view, { id: 'pay_1', state: 'open', amount_fen: 2800, description: 'Latte' });
});
