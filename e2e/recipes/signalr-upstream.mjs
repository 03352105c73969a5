// An application that speaks as much of SignalR's hub protocol (version 1, JSON) as the
// client needs: the handshake, pings, and invocations with a result.
import { WebSocketServer } from 'ws';

import { announce } from './upstream.mjs';

const separator = '\x1e';
const invocation = 1;
const completion = 3;
const ping = 6;

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
announce(server);
server.on('connection', (socket, request) => {
  const user = request.headers['x-auth-request-user'];
  const send = (message) => socket.send(JSON.stringify(message) + separator);
  socket.on('message', (data) => {
    for (const text of data.toString().split(separator).filter(Boolean)) {
      const { protocol, type, invocationId, arguments: [said] = [] } = JSON.parse(text);
      if (protocol) send({});
      if (type === ping) send({ type: ping });
      if (type === invocation) send({ type: completion, invocationId, result: `${user}: ${said}` });
    }
  });
});
