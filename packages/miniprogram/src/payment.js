'use strict';

const { requireOurs, shouyinError } = require('./errors');
const { retrying } = require('./time');

const STATES = ['open', 'closing', 'paid', 'closed'];

/** What the server says about payments. Every answer about money in this package comes from here. */
function createPayments({ clock, retryDelays, session, storage }) {
  const path = (id, action) => '/mp/v1/payments/' + encodeURIComponent(id) + action;

  /** One question: the server looks, and asks WeChat when the payment is not final. Rejects with a ShouyinError. */
  async function ask(id) {
    const answer = await session.authorized('POST', path(id, '/confirm'), {});
    if (STATES.indexOf(answer.state) < 0) {
      throw shouyinError('invalid_answer', 'Unknown payment state ' + JSON.stringify(answer.state) + '.', { retryable: true });
    }
    if (isFinal(answer.state)) storage.forget(id);
    return answer.state;
  }

  return {
    ask,

    /** As `ask`, with bounded retries; no answer is `unknown`, a refusal (4xx) rejects. */
    async confirm(id) {
      try {
        return { paymentId: id, state: await retrying(clock, retryDelays, () => ask(id)) };
      } catch (error) {
        if (!requireOurs(error).retryable) throw error;
        return { paymentId: id, state: 'unknown', reason: error.code };
      }
    },

    /** The parameters for the cashier, or the news that the payment is paid already. Repeating it is safe. */
    start: (id) => retrying(clock, retryDelays, () => session.authorized('POST', path(id, '/pay'), {})),

    view: (id) => retrying(clock, retryDelays, () => session.authorized('GET', path(id, ''))),
  };
}

function isFinal(state) {
  return state === 'paid' || state === 'closed';
}

module.exports = { createPayments, isFinal };
