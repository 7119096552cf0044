// The npm package standardwebhooks, as published, verifies the webhooks that our server sent: node referee.mjs FILE
//
// FILE has one webhook a line, as a receiver got it, with the secrets that must and that must not open it. The package's code
// is not touched; only the clock that it reads is set to the moment of each webhook.

import { readFileSync } from 'node:fs';

import { Webhook } from 'standardwebhooks';

const SIGNATURE = 'webhook-signature';
const TIMESTAMP = 'webhook-timestamp';
const ID = 'webhook-id';

/** What the package makes of it: the event, or nothing. */
function opened(secret, headers, body) {
  try {
    return new Webhook(secret).verify(body, headers) ?? null;
  } catch {
    return null; // whatever the package throws, it did not accept
  }
}

function without(headers, name) {
  return Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));
}

/** Everything that must not be accepted, with the same secret and at the same time. */
function forgeries(headers, body, other) {
  const signature = headers[SIGNATURE];
  const seconds = Number(headers[TIMESTAMP]);
  return [
    ['one byte of the body changed', headers, body.replace('"', "'")],
    ['the amount changed', headers, body.replace('1990', '1')],
    ['a space behind the body', headers, `${body} `],
    ['the body cut', headers, body.slice(0, -1)],
    ['no body', headers, ''],
    ['another id', { ...headers, [ID]: `${headers[ID].slice(0, -1)}x` }, body],
    ['another second', { ...headers, [TIMESTAMP]: String(seconds + 1) }, body],
    ['a second earlier', { ...headers, [TIMESTAMP]: String(seconds - 1) }, body],
    ['no signature', without(headers, SIGNATURE), body],
    ['no id', without(headers, ID), body],
    ['no timestamp', without(headers, TIMESTAMP), body],
    ['an empty signature', { ...headers, [SIGNATURE]: 'v1,' }, body],
    ['another version', { ...headers, [SIGNATURE]: signature.replaceAll('v1,', 'v2,') }, body],
    ['the signature of another webhook', { ...headers, [SIGNATURE]: other[SIGNATURE] }, body],
  ];
}

const [file] = process.argv.slice(2);
const sent = readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
let seconds = 0;
Date.now = () => seconds * 1000;
let checks = 0;
let failed = 0;

function that(what, holds) {
  checks += 1;
  if (!holds) {
    failed += 1;
    console.log(`FAILED node: ${what}`);
  }
}

const signatures = [0, 0, 0];
for (const [place, { headers, body, secrets, other_secrets: otherSecrets }] of sent.entries()) {
  const title = `webhook ${place} (${headers[ID]})`;
  const at = Number(headers[TIMESTAMP]);
  const count = headers[SIGNATURE].split(' ').length;
  seconds = at;
  signatures[count] += 1;
  that(`${title} has one signature for each valid secret`, count === secrets.length);
  for (const secret of secrets) {
    const event = opened(secret, headers, body);
    that(`${title} is accepted`, event !== null);
    that(`${title} says the same id in header and body`, event?.id === headers[ID]);
    const other = sent.at(place - 1).headers;
    for (const [what, badHeaders, badBody] of forgeries(headers, body, other)) {
      const changed = JSON.stringify([badHeaders, badBody]) !== JSON.stringify([headers, body]);
      if (changed) that(`${title} is refused with ${what}`, opened(secret, badHeaders, badBody) === null);
    }
    for (const late of [-301, 301]) {
      seconds = at + late;
      that(`${title} is refused ${late} s later`, opened(secret, headers, body) === null);
    }
    seconds = at;
  }
  for (const secret of otherSecrets) {
    that(`${title} is refused under a secret that is not valid`, opened(secret, headers, body) === null);
  }
}
that('there are webhooks with one signature and with two', signatures[1] > 0 && signatures[2] > 0);
console.log(`node: ${sent.length} webhooks, ${signatures[2]} of them with two signatures; ${checks} checks, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
