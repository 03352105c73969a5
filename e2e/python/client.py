"""A client that uses Debian's python3-websockets. Its arguments are orders, see
../node/orders.mjs."""

import asyncio
import hashlib
import json
import sys

import websockets


def show(**event):
    print(json.dumps(event), flush=True)


async def run(order):
    """Carries out one order."""
    headers = dict(order.get("headers") or {})
    try:
        socket = await websockets.connect(
            order["url"],
            subprotocols=order.get("protocols") or None,
            extra_headers=headers,
            compression="deflate" if order.get("deflate") else None,
            max_size=None,
        )
    except websockets.InvalidStatusCode as refusal:
        show(event="refused", status=refusal.status_code)
        return
    show(event="open", protocol=socket.subprotocol or "")
    try:
        for step in order.get("steps") or []:
            await take(socket, step)
    except websockets.ConnectionClosed:
        pass
    if socket.closed:
        show(event="closed", code=socket.close_code, reason=socket.close_reason or "")
    else:
        await socket.close()


async def take(socket, step):
    """Takes one step of an order."""
    if "send" in step:
        await socket.send(step["send"])
    if "fill" in step:
        await socket.send(bytes((i * i >> 8) & 255 for i in range(step["fill"])))
    if "receive" in step:
        data = await socket.recv()
        raw = data.encode() if isinstance(data, str) else data
        text = data if isinstance(data, str) and len(raw) < 1024 else ""
        show(event="message", text=text, bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest())
    if "close" in step:
        await socket.close(step["close"])


for argument in sys.argv[1:]:
    asyncio.run(run(json.loads(argument)))
    show(event="done")
