// A browser, pages of several sites, and what they can do. The files with cases import
// it. ../browser_test.go runs them, starts the servers and describes them in the
// argument, the world:
//
//   chromium  path of the browser          profile  an empty folder for it
//   key       hash of the key that the browser has to trust
//   pages     port at which every host of example.test and other.test has a page
//   report    file for the secrets, so that logs can be searched for them
//   …         addresses of wsticket, one for each configuration
//
// After the cases, all URLs that a user or an observer can see are searched for the
// secrets.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { after, afterEach, before } from 'node:test';

import { start } from '../node/chromium.mjs';

export const world = JSON.parse(process.argv[2]);

// ticketDoors are the doors at which a page can present a ticket, and what it gets
// there besides the greeting.
export const ticketDoors = [
  ['query', {}],
  ['subprotocol', { protocol: 'wsticket.v1' }],
  ['first_message', { first: ['auth_ok'] }],
];

// The marker is put where no secret may be. If the search did not find it, it would
// not find secrets either.
const marker = 'url-marker-canary';

const secrets = new Map(); // descriptions by text
const urls = { visible: [], sockets: [] }; // as {url, where}

let context;

before(async () => {
  await allowCookiesOfOthers();
  context = await start(world.chromium, world.profile, [
    '--host-resolver-rules=MAP *.example.test 127.0.0.1, MAP *.other.test 127.0.0.1, MAP * ~NOTFOUND',
    `--ignore-certificate-errors-spki-list=${world.key}`,
  ]);
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
  await context.close();
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

// keep makes a text a secret, which must not be in a visible URL. Only a ticket may be
// in the URL of a WebSocket.
export function keep(what, text) {
  secrets.set(text, what);
}

// open loads the page of a host, such as app.example.test.
export async function open(host) {
  const page = await context.newPage();
  await watch(page);
  await page.goto(`https://${host}:${world.pages}/?${marker}`);
  return new App(page);
}

// openStaging loads the page of the staging site, whose name and password the browser
// keeps.
export async function openStaging() {
  const page = await context.newPage();
  await page.goto(world.staging.replace('https://', 'https://staging:staging@'));
  await watch(page);
  await page.goto(`${world.staging}/?${marker}`);
  return new App(page);
}

// App is a page. Its methods call page.js in the page.
class App {
  constructor(page) {
    this.page = page;
  }

  // signIn gets a bearer for the page.
  async signIn() {
    const answer = this.page.waitForResponse((response) => response.url().endsWith('/sign-in'));
    await this.page.evaluate(() => app.signIn());
    keep('bearer', await (await answer).text());
  }

  // startSession gets a cookie of the host of api for the browser, with this SameSite.
  async startSession(api, sameSite) {
    await this.startSessionAt(beside(api), sameSite);
  }

  // startSessionAt is startSession at an application.
  async startSessionAt(origin, sameSite) {
    const url = `${origin}/session?${sameSite}`;
    const status = await this.page.evaluate((url) => app.startSession(url), url);
    assert.equal(status, 204, 'status of the sign-in');
    for (const { value } of await context.cookies(url)) keep('session', value);
  }

  // cookiesSent returns the names of the cookies that the browser sends with a
  // WebSocket handshake of this page to the host of api.
  cookiesSent(api) {
    return this.page.evaluate((url) => app.cookiesSent(url), `${beside(api)}/cookies`);
  }

  // issue asks for a ticket with the bearer of the page, and returns the response.
  async issue(api) {
    return kept(await this.page.evaluate((api) => app.issue(api), api));
  }

  // issueBySession asks for a ticket with the cookie of the browser.
  async issueBySession(api) {
    return kept(await this.page.evaluate((api) => app.issueBySession(api), api));
  }

  // connectBySession connects with only the cookie of the browser.
  connectBySession(api) {
    return this.connect('cookie', { url: `${api.replace('https:', 'wss:')}/ws` });
  }

  // run runs the code of a document that opens a socket, with api in the place of the
  // host that the document names. It returns the first message, or the code of the end.
  run(code, api) {
    const there = code.replaceAll('api.example.com', new URL(api).host);
    return this.page.evaluate(async (code) => {
      const socket = await new Function(`return (async () => { ${code}\n return socket; })()`)();
      return new Promise((resolve) => {
        socket.onmessage = ({ data }) => resolve(data);
        socket.onclose = ({ code }) => resolve(code);
      });
    }, there);
  }

  // connect presents a ticket at a door and returns the result.
  connect(door, issued) {
    return this.page.evaluate(([door, issued, text]) => app.connect(door, issued, text), [door, issued, greeting]);
  }
}

// beside returns the URL of the application at the host of an API.
function beside(api) {
  return `https://${new URL(api).hostname}:${world.pages}`;
}

function kept(issued) {
  if (issued.ticket) keep('ticket', issued.ticket);
  return issued;
}

const greeting = 'hello from a page';

// wantConnected checks that a page was connected, greeted as a user, and got its echo.
export function wantConnected(result, { protocol = '', user = 'alice', first = [] } = {}) {
  const types = result.messages.slice(0, -1).map((text) => JSON.parse(text));
  assert.deepEqual(
    {
      opened: result.opened,
      protocol: result.protocol,
      messages: types.map(({ type, userId }) => `${type} ${userId}`),
      last: result.messages.at(-1),
      code: result.code,
    },
    { opened: true, protocol, messages: [...first, 'hello'].map((type) => `${type} ${user}`), last: greeting, code: 1000 },
  );
}

// wantGreeted checks the first message of a socket.
export function wantGreeted(message, user = 'alice') {
  assert.equal(typeof message, 'string', `the socket was closed with ${message}`);
  assert.deepEqual([JSON.parse(message).type, JSON.parse(message).userId], ['hello', user]);
}

// wantRefused checks that a page was refused and cannot see why.
export function wantRefused(result) {
  assert.deepEqual(result, { opened: false, protocol: '', messages: [], code: 1006, reason: '' });
}

// watch records all URLs that the network stack uses for a page.
async function watch(page) {
  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.enable');
  devtools.on('Network.requestWillBeSent', ({ documentURL, request }) => {
    see('document of a request', documentURL);
    see('request', request.url);
    see('Referer', request.headers.Referer ?? '');
  });
  devtools.on('Network.webSocketCreated', ({ url }) => urls.sockets.push({ where: 'WebSocket', url }));
}

// collect records the URLs that are visible in a page.
async function collect(page) {
  see('page', page.url());
  for (const name of await page.evaluate(() => performance.getEntries().map((entry) => entry.name))) {
    see('performance entry', name);
  }
  const devtools = await context.newCDPSession(page);
  const { entries } = await devtools.send('Page.getNavigationHistory');
  for (const entry of entries) see('history', entry.url);
}

function see(where, url) {
  urls.visible.push({ where, url });
}

function search() {
  const places = new Set(urls.visible.filter(({ url }) => url.includes(marker)).map(({ where }) => where));
  for (const where of ['page', 'history', 'performance entry', 'document of a request', 'request']) {
    assert.ok(places.has(where), `the marker is not found in: ${where}`);
  }
  for (const [text, what] of secrets) {
    for (const { where, url } of urls.visible) {
      assert.ok(!url.includes(text), `a ${what} is in the URL of: ${where}`);
    }
    for (const { where, url } of urls.sockets) {
      assert.ok(what === 'ticket' || !url.includes(text), `a ${what} is in the URL of: ${where}`);
    }
  }
}
