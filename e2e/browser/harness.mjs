// Pages of several sites, and what they can do. The files with cases import it. In the
// world of ../browser_test.go it finds:
//
//   pages     port at which every host of example.test and other.test has a page
//   …         addresses of wsticket, one for each configuration
import assert from 'node:assert/strict';

import { context, keep, visit, world } from './browser.mjs';

export { world };

// ticketDoors are the doors at which a page can present a ticket, and what it gets
// there besides the greeting.
export const ticketDoors = [
  ['query', {}],
  ['subprotocol', { protocol: 'wsticket.v1' }],
  ['first_message', { first: ['auth_ok'] }],
];

// open loads the page of a host, such as app.example.test.
export async function open(host) {
  return new App(await visit(`https://${host}:${world.pages}/`));
}

// openStaging loads the page of the staging site, whose name and password the browser
// keeps.
export async function openStaging() {
  const signIn = (page) => page.goto(world.staging.replace('https://', 'https://staging:staging@'));
  return new App(await visit(`${world.staging}/`, signIn));
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
