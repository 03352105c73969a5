// What the files of cases share: a browser of their own, and the search for secrets.
// The tests in ../browser*_test.go start the servers and describe them in the argument,
// the world:
//
//   chromium  path of the browser          profile  an empty folder for it
//   key       hash of the key that the browser has to trust
//   real      tabs are hidden when another one is in front, as on a desk
//   report    file for the secrets, so that logs can be searched for them
//   …         addresses of the servers
//
// After the cases, all that a user or an observer can see of the pages is searched for
// the secrets: URLs, the console, and what pages have stored.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { after, afterEach, before } from 'node:test';

import { start, startReal } from '../node/chromium.mjs';

export const world = JSON.parse(process.argv[2]);

// The marker is put where no secret may be. If the search did not find it, it would
// not find secrets either.
export const marker = 'url-marker-canary';

const secrets = new Map(); // descriptions by text
const seen = { visible: [], sockets: [] }; // as {text, where}

export let context;
let stop;

before(async () => {
  await allowCookiesOfOthers();
  ({ context, stop } = await (world.real ? startReal : start)(world.chromium, world.profile, [
    '--host-resolver-rules=MAP *.example.test 127.0.0.1, MAP *.other.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost',
    `--ignore-certificate-errors-spki-list=${world.key}`,
  ]));
});

// Each case starts without cookies and pages.
afterEach(async () => {
  for (const page of context.pages()) {
    await collect(page);
    await page.close();
  }
  await context.clearCookies();
});

after(async () => {
  await stop();
  await writeFile(world.report, JSON.stringify([...secrets].map(([text, what]) => ({ what, text }))));
  search();
});

// allowCookiesOfOthers lets pages send cookies to other sites, which Chromium does not
// allow by default.
async function allowCookiesOfOthers() {
  await mkdir(`${world.profile}/Default`);
  const preferences = { profile: { cookie_controls_mode: 0, block_third_party_cookies: false } };
  await writeFile(`${world.profile}/Default/Preferences`, JSON.stringify(preferences));
}

// keep makes a text a secret, which must not be visible. Only a ticket may be in the URL
// of a WebSocket, which the console shows if the handshake fails.
export function keep(what, text) {
  secrets.set(text, what);
}

// visit opens a page at a URL without a query, and watches it. What prepare does before
// is not watched.
export async function visit(url, prepare = async () => {}) {
  const page = await context.newPage();
  await prepare(page);
  await watch(page);
  await page.goto(`${url}?${marker}`);
  await page.evaluate((marker) => {
    console.debug(marker);
    localStorage.setItem('marker', marker);
    sessionStorage.setItem('marker', marker);
  }, marker);
  return page;
}

// watch records what the network stack and the console see of a page.
async function watch(page) {
  page.on('console', (message) => {
    // Chromium itself prints the URL of a handshake that failed.
    if (message.text().startsWith("WebSocket connection to '")) seen.sockets.push({ where: 'failed WebSocket', text: message.text() });
    else see('console', message.text());
  });
  page.on('pageerror', (error) => see('uncaught error', `${error.stack}`));
  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.enable');
  devtools.on('Network.requestWillBeSent', ({ documentURL, request }) => {
    see('document of a request', documentURL);
    see('request', request.url);
    see('Referer', request.headers.Referer ?? '');
  });
  devtools.on('Network.webSocketCreated', ({ url }) => seen.sockets.push({ where: 'WebSocket', text: url }));
}

// harvest keeps each bearer and ticket that a page sends from now on.
export async function harvest(page) {
  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.enable');
  devtools.on('Network.requestWillBeSent', ({ request }) => keepBearer(request.headers.Authorization));
  devtools.on('Network.webSocketCreated', ({ url }) => keepTickets(url));
  devtools.on('Network.webSocketWillSendHandshakeRequest', ({ request }) =>
    keepTickets(request.headers['Sec-WebSocket-Protocol'] ?? ''),
  );
  devtools.on('Network.webSocketFrameSent', ({ response }) => {
    keepTickets(response.payloadData);
    keepBearer(/"token":"(eyJ[^"]+)"/.exec(response.payloadData)?.[1]);
  });
}

function keepBearer(text) {
  if (text) keep('bearer', text.replace('Bearer ', ''));
}

function keepTickets(text) {
  for (const [ticket] of text.matchAll(/wst1_[\w-]{49}/g)) keep('ticket', ticket);
}

// collect records the URLs that are visible in a page, and what it has stored.
async function collect(page) {
  if (page.url() === 'about:blank') return;
  see('page', page.url());
  const { names, stored } = await page.evaluate(() => ({
    names: performance.getEntries().map((entry) => entry.name),
    stored: {
      localStorage: JSON.stringify({ ...localStorage }),
      sessionStorage: JSON.stringify({ ...sessionStorage }),
      'name and state': JSON.stringify([window.name, history.state, document.cookie]),
    },
  }));
  for (const name of names) see('performance entry', name);
  for (const [where, text] of Object.entries(stored)) see(where, text);
  const devtools = await context.newCDPSession(page);
  const { entries } = await devtools.send('Page.getNavigationHistory');
  for (const entry of entries) see('history', entry.url);
}

function see(where, text) {
  seen.visible.push({ where, text });
}

const marked = [
  ...['page', 'history', 'performance entry', 'document of a request', 'request'],
  ...['console', 'localStorage', 'sessionStorage'],
];

function search() {
  const places = new Set(seen.visible.filter(({ text }) => text.includes(marker)).map(({ where }) => where));
  for (const where of marked) assert.ok(places.has(where), `the marker is not found in: ${where}`);
  for (const [text, what] of secrets) {
    for (const visible of seen.visible) {
      assert.ok(!visible.text.includes(text), `a ${what} is in: ${visible.where}`);
    }
    for (const socket of seen.sockets) {
      assert.ok(what === 'ticket' || !socket.text.includes(text), `a ${what} is in the URL of: ${socket.where}`);
    }
  }
}
