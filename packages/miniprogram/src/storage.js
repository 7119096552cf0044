'use strict';

// More unfinished payments than this on one phone are old ones; the oldest is dropped.
const PENDING_LIMIT = 20;

/**
 * What must survive a killed app: the session token and the payments whose end is not known yet.
 * A phone that refuses storage (full, switched off) still works: the values live in memory until the app ends.
 *
 * @param {import('./index').Wx} wx
 * @param {string} prefix tells servers and apps apart, so that a token never goes to another server
 */
function createStorage(wx, prefix) {
  const memory = {};

  function read(name) {
    if (name in memory) return memory[name];
    try {
      return wx.getStorageSync(prefix + name);
    } catch (error) {
      console.warn('shouyin: cannot read storage:', error);
      return undefined;
    }
  }

  function write(name, value) {
    try {
      wx.setStorageSync(prefix + name, value);
      delete memory[name];
    } catch (error) {
      memory[name] = value;
      console.warn('shouyin: cannot write storage; kept until the app ends:', error);
    }
  }

  function pending() {
    const ids = read('pending');
    return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : [];
  }

  return {
    /** @returns {string} empty when there is no session */
    token() {
      const token = read('session');
      return typeof token === 'string' ? token : '';
    },
    setToken: (token) => write('session', token),
    pending,
    remember(id) {
      const others = pending().filter((other) => other !== id);
      write('pending', others.concat(id).slice(-PENDING_LIMIT));
    },
    forget(id) {
      const ids = pending();
      const others = ids.filter((other) => other !== id);
      if (others.length < ids.length) write('pending', others);
    },
  };
}

module.exports = { createStorage };
