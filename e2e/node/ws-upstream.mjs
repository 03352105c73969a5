// An application that uses the npm package ws and knows nothing of tickets: it echoes
// messages, selects the protocol chat.v1, and prints its port and each handshake as
// lines of JSON.
import { WebSocketServer } from 'ws';

const print = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  perMessageDeflate: { threshold: 0 },
  handleProtocols: (offered) => offered.has('chat.v1') && 'chat.v1',
});
server.on('listening', () => print({ event: 'listening', port: server.address().port }));
server.on('connection', (socket, request) => {
  const headers = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    headers.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
  }
  print({ event: 'handshake', target: request.url, headers });
  socket.on('message', (data, binary) => socket.send(data, { binary }));
  socket.on('close', (code, reason) => print({ event: 'closed', code, reason: reason.toString() }));
});
