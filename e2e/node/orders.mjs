// What the clients in this folder have in common. Their arguments are orders, each a
// JSON object:
//
//   {"url": "ws://…", "protocols": ["…"], "headers": {"…": "…"}, "deflate": true, "steps": […]}
//
// They are carried out one after the other. Steps are {"send": text}, {"fill": bytes}
// for a binary message of this size, {"fragments": [text, …]} for one message in several
// frames with a ping after each, {"receive": true} and {"close": code}. Each event is
// printed as a line of JSON, and "done" after each order. ../python/client.py is the
// same in Python.
import { createHash } from 'node:crypto';

// Inbox queues events.
class Inbox {
  #events = [];
  #waiting = [];

  put(event) {
    const next = this.#waiting.shift();
    if (next) next(event);
    else this.#events.push(event);
  }

  take() {
    const event = this.#events.shift();
    return event ? Promise.resolve(event) : new Promise((resolve) => this.#waiting.push(resolve));
  }
}

export function print(event) {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

// message describes a received message; data is text or bytes.
export function message(data) {
  const bytes = Buffer.from(data);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const text = typeof data === 'string' && bytes.length < 1024 ? data : '';
  return { event: 'message', text, bytes: bytes.length, sha256 };
}

// filling returns a message of a size, whose content can be compressed a little.
function filling(size) {
  return Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * i) >> 8));
}

// runOrders carries out the orders. connect gets an order and a function to call with
// each event, and returns send, fragments and close.
export async function runOrders(connect) {
  for (const argument of process.argv.slice(2)) {
    const order = JSON.parse(argument);
    const inbox = new Inbox();
    const socket = connect(order, (event) => inbox.put(event));
    await follow(order.steps ?? [], socket, inbox);
    print({ event: 'done' });
  }
}

async function follow(steps, socket, inbox) {
  // next prints the next event, and reports whether another one can follow.
  const next = async () => {
    const event = await inbox.take();
    print(event);
    return event.event !== 'closed' && event.event !== 'refused';
  };
  if (!(await next())) return;
  for (const step of steps) {
    if ('send' in step) socket.send(step.send);
    if ('fill' in step) socket.send(filling(step.fill));
    if ('fragments' in step) socket.fragments(step.fragments);
    if ('close' in step) {
      socket.close(step.close);
      while (await next());
      return;
    }
    if ('receive' in step && !(await next())) return;
  }
}
