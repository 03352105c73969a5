// A client that uses the WebSocket of undici, which is that of Node.js since version 22.
// Like a browser's, it does not report why it was refused. See orders.mjs for its
// arguments.
import { WebSocket } from 'undici';

import { message, runOrders } from './orders.mjs';

await runOrders((order, tell) => {
  const socket = new WebSocket(order.url, { protocols: order.protocols ?? [], headers: order.headers ?? {} });
  socket.binaryType = 'arraybuffer';
  let opened = false;
  socket.onopen = () => {
    opened = true;
    tell({ event: 'open', protocol: socket.protocol, extensions: socket.extensions });
  };
  socket.onmessage = ({ data }) => tell(message(data));
  socket.onclose = ({ code, reason }) => tell(opened ? { event: 'closed', code, reason } : { event: 'refused' });
  return { send: (data) => socket.send(data), close: (code) => socket.close(code) };
});
