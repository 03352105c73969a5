// A chat of everybody who is connected. It knows nothing of tickets: wsticket says who
// somebody is, in a header that no client can set.
import process from 'node:process';
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: Number(process.env.PORT ?? 3000) });

server.on('connection', (socket, request) => {
  const from = request.headers['x-auth-request-user'];
  socket.on('message', (data) => say({ type: 'message', from, text: String(data) }));
  socket.on('close', () => say({ type: 'left', from }));
  socket.on('error', () => socket.terminate());
  say({ type: 'joined', from });
});

function say(what) {
  for (const client of server.clients) client.send(JSON.stringify(what));
}

server.on('listening', () => console.log(JSON.stringify({ port: server.address().port })));
process.on('SIGTERM', () => process.exit(0));
