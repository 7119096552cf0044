'use strict';

const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

/**
 * What can be checked about a mini program without WeChat's tools.
 *
 * @param {Record<string, string>} files path below the mini program's root -> text
 * @param {string[]} packages names that `require` finds in miniprogram_npm
 * @returns {string[]} problems, one sentence each; empty when all is well
 */
function problemsOf(files, packages = []) {
  const problems = [];
  for (const [name, text] of Object.entries(files)) {
    if (name.endsWith('.json') && parsed(text) === undefined) problems.push(name + ' is not JSON');
    problems.push(...badText(name, text));
    if (name.endsWith('.js')) problems.push(...badRequires(files, packages, name, text));
  }
  const app = parsed(files['app.json'] || '') || {};
  for (const page of app.pages || []) problems.push(...badPage(files, page));
  for (const { pagePath } of (app.tabBar && app.tabBar.list) || []) {
    if (!app.pages.includes(pagePath)) problems.push('the tab ' + pagePath + ' is not a page');
  }
  for (const needed of ['app.js', app.sitemapLocation || 'sitemap.json']) if (!(needed in files)) problems.push(needed + ' is missing');
  return problems;
}

const FORBIDDEN = [
  [/api\.weixin\.qq\.com/, 'api.weixin.qq.com cannot be called from a mini program'],
  [/['"`]PATCH['"`]/i, 'wx.request has no PATCH'],
  [/timeStamp['"]?\s*:\s*(\d|Number|parseInt|Date|\+)/, 'timeStamp must be a text'],
  [/-----BEGIN|app_?secret\s*[:=]|api_?v3_?key\s*[:=]|api_?key\s*[:=]/i, 'a secret has no place in a mini program'],
  [/['"`][0-9a-f]{32}['"`]/i, 'this looks like a secret'],
  [/openid\s*:/i, 'the openid stays on the server'],
];

function badText(name, text) {
  const problems = FORBIDDEN.filter(([pattern]) => pattern.test(text)).map(([, why]) => name + ': ' + why);
  for (const [address] of text.matchAll(/http:\/\/[^\s'"`]*/g)) {
    const local = name === 'config.js' && /^http:\/\/(localhost|127\.0\.0\.1)[:/]/.test(address);
    if (!local) problems.push(name + ': ' + address + ' is not https');
  }
  return problems;
}

function badRequires(files, packages, name, text) {
  const wanted = [...text.matchAll(/\brequire\('([^']+)'\)/g)].map(([, target]) => target);
  return wanted.filter((target) => !packages.includes(target) && !(resolved(name, target) in files)).map((target) => name + ' requires ' + target + ', which is missing');
}

/** The file a relative `require` in `from` means. */
function resolved(from, target) {
  const file = path.posix.join(path.posix.dirname(from), target);
  return file.endsWith('.js') ? file : file + '.js';
}

function badPage(files, page) {
  const [script, markup] = [files[page + '.js'], files[page + '.wxml']];
  if (script === undefined) return [page + '.js is missing'];
  if (markup === undefined) return [page + '.wxml is missing'];
  const methods = pageObject(script);
  const handlers = [...markup.matchAll(/\b(?:bind|catch|capture-bind|mut-bind):?(\w+)="([^"]*)"/g)].map(([, , handler]) => handler);
  return handlers.filter((handler) => typeof methods[handler] !== 'function').map((handler) => page + '.wxml calls ' + handler + ', which ' + page + '.js does not have');
}

/** What the script gives to `Page`; what it requires is not needed for that. */
function pageObject(script) {
  let given;
  const anything = () => ({});
  vm.runInNewContext(script, { Page: (object) => (given = object), require: anything, getApp: anything, wx: {}, module: {} });
  return given || {};
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** All text files below `root`, without what the developer tools build. */
function filesBelow(root, folder = '') {
  const files = {};
  for (const entry of fs.readdirSync(path.join(root, folder), { withFileTypes: true })) {
    const name = path.posix.join(folder, entry.name);
    if (entry.name === 'miniprogram_npm') continue;
    if (entry.isDirectory()) Object.assign(files, filesBelow(root, name));
    else files[name] = fs.readFileSync(path.join(root, name), 'utf8');
  }
  return files;
}

module.exports = { problemsOf, filesBelow, resolved };
