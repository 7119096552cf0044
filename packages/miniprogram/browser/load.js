// Loads the package in a browser: the same CommonJS files a mini program runs, without a bundler and without eval (a page
// with `Content-Security-Policy: script-src 'self'` can use it).
//
// How: a file loaded as a module script has its own scope, so a CommonJS file runs in it unchanged if it finds `module`
// and `require`. Both are offered as globals while one file after the other is loaded, and taken away at the end.

/** The files of the package; what a file requires comes before it. */
export const PACKAGE_FILES = ['errors', 'time', 'request', 'storage', 'session', 'cashier', 'payment', 'pay', 'index'];

const loaded = new Map();
let queue = Promise.resolve();

/**
 * @param {string | URL} folder where the package's `src` folder is served, for example `/demo/shouyin-miniprogram/`
 * @returns {Promise<typeof import('../src/index.js')>}
 */
export function loadShouyin(folder) {
  const base = new URL(folder + '/', globalThis.location ? globalThis.location.href : undefined);
  return loadCommonJs(PACKAGE_FILES.map((name) => new URL(name + '.js', base)));
}

/**
 * @param {(string | URL)[]} urls absolute, in an order in which every file comes after those it requires (by relative path)
 * @returns {Promise<any>} what the last file exports
 */
export function loadCommonJs(urls) {
  const result = queue.then(() => loadAll(urls.map(String)));
  // One at a time, because the globals are shared. A failure is the caller's; the next one starts fresh.
  queue = result.then(
    () => undefined,
    () => undefined
  );
  return result;
}

async function loadAll(urls) {
  try {
    for (const url of urls) if (!loaded.has(url)) loaded.set(url, await loadOne(url));
  } finally {
    delete globalThis.module;
    delete globalThis.require;
  }
  return loaded.get(urls[urls.length - 1]);
}

async function loadOne(url) {
  const module = { exports: {} };
  globalThis.module = module;
  globalThis.require = (name) => {
    const wanted = new URL(name.endsWith('.js') ? name : name + '.js', url).href;
    if (!loaded.has(wanted)) throw new Error(url + ' requires ' + wanted + ', which is not loaded yet');
    return loaded.get(wanted);
  };
  await import(url);
  return module.exports;
}
