// An application that speaks as much of the protocol of Phoenix' channels (version 2 of
// the JSON serializer) as phoenix.js needs: joining, heartbeats, and pushes with a reply.
import { WebSocketServer } from 'ws';

import { announce } from './upstream.mjs';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
announce(server);
server.on('connection', (socket, request) => {
  const user = request.headers['x-auth-request-user'];
  const answers = {
    heartbeat: () => ({}),
    phx_join: () => ({}),
    phx_leave: () => ({}),
    say: ({ text }) => ({ text: `${user}: ${text}` }),
  };
  socket.on('message', (data) => {
    const [join, ref, topic, event, payload] = JSON.parse(data);
    const answer = answers[event];
    const reply = answer ? { status: 'ok', response: answer(payload) } : { status: 'error', response: {} };
    socket.send(JSON.stringify([join, ref, topic, 'phx_reply', reply]));
  });
});
