// The parts of WeChat's `wx` that a browser has too, with WeChat's manners: callbacks, `success` for every HTTP status,
// a raw text when the body is not JSON. Login and cashier are WeChat's own; whoever plays WeChat adds them.

/**
 * @param {{ fetch?: typeof fetch, storage?: Storage }} [given] the browser's unless given
 * @returns {Pick<import('../src/index').Wx, 'request' | 'getStorageSync' | 'setStorageSync'>}
 */
export function createBrowserWx({ fetch = globalThis.fetch.bind(globalThis), storage = globalThis.localStorage } = {}) {
  return {
    request(options) {
      const controller = new AbortController();
      send(fetch, options, controller).then(
        (answer) => report(options, 'success', answer),
        (error) => report(options, 'fail', { errMsg: 'request:fail ' + (controller.signal.reason || error.message) })
      );
      return { abort: () => controller.abort('abort') };
    },
    getStorageSync(key) {
      const text = storage.getItem(key);
      return text === null ? '' : JSON.parse(text);
    },
    setStorageSync(key, value) {
      storage.setItem(key, JSON.stringify(value));
    },
  };
}

async function send(fetch, options, controller) {
  const timer = setTimeout(() => controller.abort('timeout'), options.timeout || 60000);
  try {
    const response = await fetch(options.url, {
      method: options.method || 'GET',
      headers: options.header,
      body: options.method === 'POST' ? JSON.stringify(options.data || {}) : undefined,
      signal: controller.signal,
      // Like wx.request: a session lives in the header, never in a cookie.
      credentials: 'omit',
    });
    const text = await response.text();
    return { statusCode: response.status, header: Object.fromEntries(response.headers), data: parsed(text), errMsg: 'request:ok' };
  } finally {
    clearTimeout(timer);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function report(options, name, result) {
  if (options[name]) options[name](result);
  if (options.complete) options.complete(result);
}
