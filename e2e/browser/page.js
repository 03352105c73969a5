// What the page of an application does: sign in, get a ticket, connect. The tests call
// it, see harness.mjs. As a page should, it keeps the bearer in a variable only.
const app = (() => {
  let bearer = '';

  // signIn asks the application that serves this page for a bearer.
  async function signIn() {
    bearer = await (await fetch('/sign-in', { method: 'POST' })).text();
  }

  // startSession asks an application for a session cookie.
  async function startSession(url) {
    const response = await fetch(url, { method: 'POST', credentials: 'include' });
    return response.status;
  }

  // issue gets a ticket with the bearer.
  function issue(api) {
    return post(api, { headers: bearer ? { Authorization: `Bearer ${bearer}` } : {} });
  }

  // issueBySession gets a ticket with the cookie.
  function issueBySession(api) {
    return post(api, { headers: { 'Content-Type': 'application/json' }, credentials: 'include' });
  }

  async function post(api, options) {
    const response = await fetch(`${api}/ws-ticket`, { method: 'POST', ...options });
    return { status: response.status, ...(await response.json()) };
  }

  // How a ticket is presented at each door. The browser sends the cookie.
  const doors = {
    query: ({ url }) => ({ url }),
    subprotocol: ({ url, protocols }) => ({ url: bare(url), protocols }),
    first_message: ({ url, ticket }) => ({ url: bare(url), first: JSON.stringify({ type: 'auth', token: ticket }) }),
    cookie: ({ url }) => ({ url: bare(url) }),
  };

  const bare = (url) => url.split('?')[0];

  // connect presents a ticket at a door, sends a message after the greeting, and closes
  // the connection after the echo. It returns all that a page can see of it.
  function connect(door, issued, text) {
    const { url, protocols, first } = doors[door](issued);
    const socket = new WebSocket(url, protocols ?? []);
    const result = { opened: false, protocol: '', messages: [] };
    socket.onopen = () => {
      result.opened = true;
      result.protocol = socket.protocol;
      if (first) socket.send(first);
    };
    socket.onmessage = ({ data }) => {
      result.messages.push(data);
      if (data === text) socket.close(1000);
      else if (JSON.parse(data).type === 'hello') socket.send(text);
    };
    return new Promise((resolve) => {
      socket.onclose = ({ code, reason }) => resolve({ ...result, code, reason });
    });
  }

  // cookiesSent asks an application which cookies came with a WebSocket handshake.
  function cookiesSent(url) {
    const socket = new WebSocket(url);
    return new Promise((resolve, reject) => {
      socket.onmessage = ({ data }) => resolve(JSON.parse(data));
      socket.onclose = reject;
    });
  }

  return { signIn, startSession, cookiesSent, issue, issueBySession, connect };
})();
