// A WebSocket outside of a browser. Scripts outside this folder cannot import its
// packages.
export { WebSocket } from 'ws';
