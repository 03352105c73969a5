// Package handshake reads a WebSocket handshake (RFC 6455 4.2.1): whether it
// is one, what subprotocols it offers, and which one credential it brings.
//
// It reads requests that came to us as well as those that a proxy tells about
// (forward auth), so that both are judged by one rule. What it finds it hands
// on as it stands; whether a ticket or a bearer is good is not asked here.
package handshake
