// What the page of an application does that uses the client. The cases call it, see
// harness.mjs. esbuild bundles it with the client.
import { TicketSocket, ticketSource, ticketWebSocket } from '../../../client/src/index.ts';

const connections = [];

// signIn asks the application that serves this page for a bearer.
async function signIn(sub, ttl, signal) {
  const response = await fetch(`/sign-in?sub=${sub}&ttl=${ttl}`, { method: 'POST', signal });
  return response.text();
}

// startSession asks an application for a session cookie.
async function startSession(url) {
  const response = await fetch(url, { method: 'POST', credentials: 'include' });
  return response.status;
}

// issue returns the answer of the API to a bearer.
async function issue(api) {
  const headers = { Authorization: `Bearer ${await signIn('alice', '1h')}` };
  return (await fetch(`${api}/ws-ticket`, { method: 'POST', headers })).json();
}

// sourceOf returns a source, and adds to asked why it asks for bearers. They live for the
// times of ttls in turn, and the last of these again and again. With a session, the
// browser's cookie takes the place of the bearer.
function sourceOf({ api, sub, ttls, session, meddle }, asked) {
  const left = [...ttls];
  const bearer = ({ reason, signal }) => {
    asked.push(reason);
    return signIn(sub, left.length > 1 ? left.shift() : left[0], signal);
  };
  const how = session ? { credentials: 'include' } : { bearer };
  return ticketSource(`${api}/ws-ticket`, { ...how, ...(meddle && { fetch: meddling(meddle) }) });
}

// meddling returns a fetch with which the first ticket is no good: it is spent at once,
// or is the answer that another page got.
function meddling({ spend, answer }) {
  let first = true;
  return async (url, options) => {
    if (!first || options.method !== 'POST') return fetch(url, options);
    first = false;
    if (answer) return new Response(JSON.stringify(answer), { status: 201 });
    const response = await fetch(url, options);
    if (spend) await present((await response.clone().json()).url);
    return response;
  };
}

// present spends a ticket.
function present(url) {
  const socket = new WebSocket(url);
  return new Promise((resolve) => {
    socket.onmessage = () => socket.close();
    socket.onclose = resolve;
  });
}

// connect opens a TicketSocket, and returns its number.
function connect({ options, ...how }) {
  const asked = [];
  const socket = new TicketSocket(sourceOf(how, asked), options);
  return record(socket, asked, ['open', 'reconnecting', 'refused', 'close']);
}

// connectOnce opens a socket of the class that libraries get, and returns its number.
function connectOnce({ options, ...how }) {
  const asked = [];
  const Socket = ticketWebSocket(sourceOf(how, asked), options);
  return record(new Socket(), asked, ['open', 'close']);
}

function record(socket, asked, types) {
  const connection = { socket, asked, events: [], messages: [], ids: [] };
  for (const type of types) {
    socket.addEventListener(type, ({ why, code, reason }) => {
      connection.events.push({ type, why, code, reason });
      if (type === 'open') connection.ids.push(socket.id);
    });
  }
  socket.addEventListener('message', ({ data }) => connection.messages.push(data));
  return connections.push(connection) - 1;
}

// tell returns what has happened to a connection.
function tell(number) {
  const { socket, ...rest } = connections[number];
  const { state, readyState, protocol, url, id } = socket;
  return { state, readyState, protocol, url, id, ...rest };
}

globalThis.app = {
  signIn,
  startSession,
  issue,
  connect,
  connectOnce,
  tell,
  send: (number, text) => connections[number].socket.send(text),
  close: (number, ...how) => connections[number].socket.close(...how),
};
