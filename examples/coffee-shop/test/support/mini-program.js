'use strict';

const path = require('node:path');
const { filesBelow, resolved } = require('./check-project.js');

const ROOT = path.join(__dirname, '../../miniprogram');
const PACKAGE = path.join(__dirname, '../../../../packages/miniprogram/src/index.js');

/**
 * Starts the mini program as WeChat does: every file is a CommonJS module with `wx`, `App`, `Page` and `getApp` as free
 * names. Pages are opened by hand: `open(path, query)` gives the page object with its `data`.
 */
function start(wx, { config = {}, createShouyin } = {}) {
  const files = filesBelow(ROOT);
  const modules = {};
  const pages = {};
  let app;
  let loading = '';

  const free = { wx, App: (object) => (app = object), Page: (object) => (pages[loading] = object), getApp: () => app };

  function load(name) {
    if (name in modules) return modules[name].exports;
    const module = (modules[name] = { exports: {} });
    const requireFrom = (target) => {
      if (target !== 'shouyin-miniprogram') return load(resolved(name, target));
      return createShouyin ? { createShouyin } : require(PACKAGE);
    };
    loading = name.slice(0, -3);
    const run = new Function('require', 'module', 'exports', ...Object.keys(free), files[name]);
    run(requireFrom, module, module.exports, ...Object.values(free));
    return module.exports;
  }

  Object.assign(load('config.js'), config);
  load('app.js');
  app.onLaunch();

  return {
    app,
    open(name, query = {}) {
      delete modules[name + '.js'];
      load(name + '.js');
      const page = Object.assign({}, pages[name]);
      page.data = JSON.parse(JSON.stringify(page.data));
      page.setData = (change) => Object.assign(page.data, JSON.parse(JSON.stringify(change)));
      if (page.onLoad) page.onLoad(query);
      return page;
    },
  };
}

module.exports = { start };
