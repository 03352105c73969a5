// Pages of an application that uses the client, and what they can do. In the world of
// ../../browser_client_test.go it finds:
//
//   pages     port at which every host of example.test and other.test has a page
//   api       wsticket, for pages of app.example.test and app.other.test
//   control   URL that stops and starts wsticket, and tells its log
//   internal  its internal listener, where opsKey may read and revoke
import assert from 'node:assert/strict';

import { context, harvest, keep, visit, world } from '../browser.mjs';

export { context, world };

export const doors = [
  ['query', ''],
  ['subprotocol', 'wsticket.v1'],
  ['first_message', ''],
];

// until waits until a probe returns something true, and returns that.
export async function until(what, probe) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const got = await probe();
    if (got) return got;
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// order stops, kills or starts wsticket, and returns when that is done.
export async function order(what) {
  const { status } = await fetch(`${world.control}/${what}`, { method: 'POST' });
  assert.equal(status, 204, what);
}

// handshakes returns the lines of the log about handshakes that were admitted, of all
// processes since the first.
export async function handshakes() {
  const log = await (await fetch(`${world.control}/log`)).text();
  const lines = log.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line)).filter(({ outcome, door }) => outcome === 'connected' && door);
}

// connectionsOf returns what wsticket knows of the connections of a user.
export async function connectionsOf(sub) {
  const query = new URLSearchParams({ iss: world.issuer, sub });
  const answer = await fetch(`http://${world.internal}/connections?${query}`, { headers: operator });
  return (await answer.json()).connections;
}

const operator = { Authorization: `Bearer ${world.opsKey}`, 'Content-Type': 'application/json' };

// revoke ends what a user has obtained until now. Bearers have a time in seconds, so the
// next ones are of another second.
export async function revoke(sub, action) {
  const second = () => Math.floor(Date.now() / 1000);
  const before = second();
  await until('the next second', () => second() > before);
  const { status } = await fetch(`http://${world.internal}/revocations`, {
    method: 'POST',
    headers: operator,
    body: JSON.stringify({ iss: world.issuer, sub, action, before: new Date(before * 1000).toISOString() }),
  });
  assert.equal(status, 202, 'status of a revocation');
}

// open loads the page of a host.
export async function open(host = 'app.example.test') {
  return new Tab(await visit(`https://${host}:${world.pages}/`, harvest));
}

// Tab is a page. Its methods call page.js in the page.
class Tab {
  constructor(page) {
    this.page = page;
  }

  // startSession gets a cookie of the host of the API for the browser.
  async startSession(sameSite) {
    const url = `https://${new URL(world.api).hostname}:${world.pages}/session?${sameSite}`;
    assert.equal(await this.page.evaluate((url) => app.startSession(url), url), 204, 'status of the sign-in');
    for (const { value } of await context.cookies(url)) keep('session', value);
  }

  // become hides the page and freezes it, or wakes it up, hidden as it is.
  async become(state) {
    this.devtools ??= await context.newCDPSession(this.page);
    await this.devtools.send('Page.setWebLifecycleState', { state });
  }

  // issue returns an answer of the API with a ticket.
  issue() {
    return this.page.evaluate((api) => app.issue(api), world.api);
  }

  // connect opens a TicketSocket, as alice if no other user is named, at the door
  // query if none is.
  async connect({ door = 'query', sub = 'alice', ttls = ['1h'], session, meddle, ...options } = {}) {
    const how = { api: world.api, sub, ttls, session, meddle, options: { door, ...options } };
    return new Connection(this.page, await this.page.evaluate((how) => app.connect(how), how));
  }

  // connectOnce opens a WebSocket of the class that libraries get.
  async connectOnce({ door = 'query', meddle } = {}) {
    const how = { api: world.api, sub: 'alice', ttls: ['1h'], meddle, options: { door } };
    return new Connection(this.page, await this.page.evaluate((how) => app.connectOnce(how), how));
  }
}

// Connection is a socket of a page.
class Connection {
  constructor(page, number) {
    this.page = page;
    this.number = number;
  }

  tell() {
    return this.page.evaluate((number) => app.tell(number), this.number);
  }

  // close closes it, and waits for the end.
  async close() {
    await this.page.evaluate((number) => app.close(number, 1000), this.number);
    return this.until('close', ({ events }) => events.some(({ type }) => type === 'close'));
  }

  // until waits until what has happened is what a test wants, and returns it.
  async until(what, wanted) {
    let told;
    try {
      return await until(what, async () => wanted((told = await this.tell())) && told);
    } catch (error) {
      throw new Error(`${error.message}; it is ${JSON.stringify(told)}`);
    }
  }

  // opened waits until it was opened a number of times and carries messages: it is
  // greeted as a user, and gets an echo.
  async opened(times = 1, user = 'alice') {
    await this.until(`open, time ${times}`, ({ state, ids }) => state === 'open' && ids.length === times);
    const text = `message ${times} of a page`;
    assert.ok(await this.page.evaluate(([number, text]) => app.send(number, text), [this.number, text]), 'send');
    const told = await this.until('echo', ({ messages }) => messages.includes(text));
    assert.equal(JSON.parse(told.messages.at(0)).userId, user);
    assert.equal(new Set(told.ids).size, times, 'each connection has a ticket of its own');
    return told;
  }

  // ended waits for the last event, and returns what has happened.
  ended() {
    return this.until('the end', ({ events }) => events.at(-1)?.type === 'close');
  }
}

// eventsOf returns the events of a type.
export function eventsOf({ events }, type) {
  return events.filter((event) => event.type === type);
}

// wantRefused checks that a socket was refused and not tried again after that.
export function wantRefused(told, why, code) {
  const { state, readyState } = told;
  const [refused, ...more] = eventsOf(told, 'refused');
  assert.deepEqual(
    { state, readyState, why: refused?.why, code: refused?.code, more, last: told.events.at(-1)?.type },
    { state: 'refused', readyState: 3, why, code, more: [], last: 'close' },
  );
}
