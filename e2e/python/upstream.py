"""An application that uses Debian's python3-websockets and knows nothing of tickets. It
does and prints the same as ../node/ws-upstream.mjs."""

import asyncio
import json

import websockets


def show(**event):
    print(json.dumps(event), flush=True)


async def echo(socket):
    """Echoes messages."""
    show(event="handshake", target=socket.path, headers=list(socket.request_headers.raw_items()))
    try:
        async for data in socket:
            await socket.send(data)
    except websockets.ConnectionClosed:
        pass
    show(event="closed", code=socket.close_code, reason=socket.close_reason or "")


async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, subprotocols=["chat.v1"], max_size=None) as server:
        show(event="listening", port=server.sockets[0].getsockname()[1])
        await asyncio.Future()


asyncio.run(main())
