// Gives Node.js before version 22 the WebSocket that browsers and later versions have.
import { WebSocket } from 'undici';

globalThis.WebSocket = WebSocket;
