// A client that uses the npm package ws. See orders.mjs for its arguments.
import { WebSocket } from 'ws';

import { message, runOrders } from './orders.mjs';

await runOrders((order, tell) => {
  const socket = new WebSocket(order.url, order.protocols ?? [], {
    headers: order.headers,
    perMessageDeflate: order.deflate ? { threshold: 0 } : false,
  });
  socket.on('open', () => tell({ event: 'open', protocol: socket.protocol, extensions: socket.extensions }));
  socket.on('message', (data, binary) => tell(message(binary ? data : data.toString())));
  socket.on('pong', () => tell({ event: 'pong' }));
  socket.on('unexpected-response', (_, response) => {
    const connection = response.socket;
    let body = '';
    response.on('data', (part) => (body += part));
    response.on('end', () => {
      tell({ event: 'refused', status: response.statusCode, body });
      connection.destroy();
    });
  });
  // A close event follows.
  socket.on('error', () => {});
  socket.on('close', (code, reason) => tell({ event: 'closed', code, reason: reason.toString() }));
  return {
    send: (data) => socket.send(data),
    fragments: (parts) => {
      parts.forEach((part, i) => {
        socket.send(part, { fin: i === parts.length - 1 });
        socket.ping();
      });
    },
    close: (code) => socket.close(code),
  };
});
