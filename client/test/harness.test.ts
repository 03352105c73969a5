import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { dev, origin, serve, until } from "./servers.ts";

test("a service of the tests issues, opens and revokes", async () => {
  const service = await serve();
  const answer = await fetch(service.ticketUrl, {
    method: "POST",
    headers: { Authorization: `Bearer ${service.bearer()}` },
  });
  expect(answer.status).toBe(201);
  const { url, ticket_id } = (await answer.json()) as { url: string; ticket_id: string };
  const socket = new WebSocket(url);
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  await until(async () => (await service.connections("alice")).includes(ticket_id));
  await service.revoke("alice", "end");
  expect(await closed).toBe(4003);
  await service.restart();
  const cookie = await fetch(service.ticketUrl, {
    method: "POST",
    headers: {
      Cookie: `session=${service.bearer({ later: 1 })}`,
      Origin: origin,
      "Content-Type": "application/json",
    },
  });
  expect(cookie.status).toBe(201);
});

test("wsticket dev prints a bearer", async () => {
  const { program, bearer } = await dev();
  const answer = await fetch(`http://${program.public}/ws-ticket`, {
    method: "POST",
    headers: { Authorization: `Bearer ${bearer}` },
  });
  expect(answer.status).toBe(201);
});
