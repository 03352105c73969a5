// What the applications here have in common: they print their port and each handshake
// as lines of JSON, as node/ws-upstream.mjs does.
const print = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

// announce prints the port of a WebSocketServer of ws when it listens, and each handshake.
export function announce(server) {
  server.on('listening', () => print({ event: 'listening', port: server.address().port }));
  server.on('connection', (socket, request) => print(handshake(request)));
}

// announceHTTP does the same for the server of node:http that a framework upgrades from.
export function announceHTTP(server) {
  server.on('listening', () => print({ event: 'listening', port: server.address().port }));
  server.prependListener('upgrade', (request) => print(handshake(request)));
}

function handshake(request) {
  const headers = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    headers.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
  }
  return { event: 'handshake', target: request.url, headers };
}
