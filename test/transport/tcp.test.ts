/** Real sockets on loopback: what the transport promises to a session. No root needed, MD5 and TTL included. */
import { connect, createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { parseAddress, parsePrefix } from "../../protocol/wire/address.ts";
import { libc } from "../../src/transport/sockopt.ts";
import {
  type CloseReason,
  type Connection,
  type Listener,
  type ListenOptions,
  nodeTransport,
} from "../../src/transport/tcp.ts";

const transport = nodeTransport();
const open: { close(): void }[] = [];
let nextPort = 20_000 + (process.pid % 20_000);

afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

interface Peer {
  readonly connection: Connection;
  readonly received: number[];
  opened: boolean;
  closed: CloseReason | undefined;
}

function follow(connection: Connection): Peer {
  const peer: Peer = { connection, received: [], opened: false, closed: undefined };
  connection.attach({
    open: () => void (peer.opened = true),
    data: (octets) => void peer.received.push(...octets),
    drain: () => undefined,
    close: (reason) => void (peer.closed = reason),
  });
  open.push(connection);
  return peer;
}

function listen(options: Partial<Omit<ListenOptions, "from">> & { from: string }): {
  port: number;
  accepted: Peer[];
  log: string[];
  listener: Listener;
  trouble: (string | undefined)[];
} {
  const port = options.port ?? nextPort++;
  const accepted: Peer[] = [];
  const log: string[] = [];
  const trouble: (string | undefined)[] = [];
  const { from, ...rest } = options;
  const listener = transport.listen(
    {
      from: parsePrefix(from)!,
      ...rest,
      port,
      log: (_, text) => void log.push(text),
      onTrouble: (text) => void trouble.push(text),
    },
    (connection) => void accepted.push(follow(connection)),
  );
  open.push(listener);
  return { port, accepted, log, listener, trouble };
}

function dial(port: number, options: { from?: string; md5?: string; ttl?: number; minTtl?: number } = {}): Peer {
  const { from = "127.0.0.2", ...rest } = options;
  return follow(transport.dial({ remote: parseAddress("127.0.0.1")!, port, local: parseAddress(from)!, ...rest }));
}

async function until(what: string, probe: () => boolean, ms = 3000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!probe()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("connections", () => {
  test("carry octets both ways and know their ends", async () => {
    const { port, accepted } = listen({ from: "127.0.0.2/32" });
    const us = dial(port);
    await until("both are open", () => us.opened && accepted.length === 1);
    us.connection.write(Uint8Array.of(1, 2, 3));
    accepted[0]!.connection.write(Uint8Array.of(4));
    await until("octets", () => us.received.length === 1 && accepted[0]!.received.length === 3);
    expect(us.connection.local?.ip).toEqual(parseAddress("127.0.0.2"));
    expect(accepted[0]!.connection.remote.ip).toEqual(parseAddress("127.0.0.2"));
  });

  test("refused: in BIRD's words", async () => {
    const peer = dial(nextPort++);
    await until("it fails", () => peer.closed !== undefined);
    expect(peer.closed).toEqual({ kind: "refused", text: "Connection refused" });
  });

  test("a local address that we do not have: said, not thrown", async () => {
    const peer = follow(
      transport.dial({ remote: parseAddress("127.0.0.1")!, port: nextPort++, local: parseAddress("192.0.2.77")! }),
    );
    await until("it fails", () => peer.closed !== undefined);
    expect(peer.closed).toEqual({ kind: "setup", text: "Cannot assign requested address" });
  });

  test("what was written last is delivered although input is unread", async () => {
    const { port, accepted } = listen({ from: "127.0.0.2/32" });
    const us = dial(port);
    await until("open", () => us.opened && accepted.length === 1);
    const them = accepted[0]!.connection;
    them.pause();
    us.connection.write(new Uint8Array(30_000)); // lies unread in their socket
    await new Promise((resolve) => setTimeout(resolve, 50));
    them.write(Uint8Array.of(3, 6, 2));
    const ended = them.end();
    await until("the last word", () => us.received.length === 3);
    us.connection.close();
    await ended;
  });

  test("end does not wait for ever for a peer that does not close", async () => {
    const { port, accepted } = listen({ from: "127.0.0.2/32" });
    const socket = connect({ host: "127.0.0.1", port, localAddress: "127.0.0.2", allowHalfOpen: true });
    socket.on("error", () => undefined);
    open.push({ close: () => socket.destroy() });
    await until("accepted", () => accepted.length === 1);
    const start = performance.now();
    await accepted[0]!.connection.end();
    expect(performance.now() - start).toBeLessThan(1500);
  });

  test("a writer that is not read from is told to wait, and when to go on", async () => {
    const { port, accepted } = listen({ from: "127.0.0.2/32" });
    const us = dial(port);
    await until("open", () => us.opened && accepted.length === 1);
    let drained = false;
    us.connection.attach({
      open: () => undefined,
      data: () => undefined,
      close: () => undefined,
      drain: () => void (drained = true),
    });
    accepted[0]!.connection.pause();
    let chunks = 0;
    while (us.connection.write(new Uint8Array(65_536))) {
      if (++chunks > 1000) throw new Error("never full");
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(us.connection.queued).toBeGreaterThan(0);
    accepted[0]!.connection.resume();
    await until("drained", () => drained, 10_000);
    expect(us.connection.queued).toBe(0);
  });
});

describe("listening", () => {
  test("one port serves many claims: the longest match gets the connection", async () => {
    const wide = listen({ from: "127.0.0.0/8" });
    const narrow = listen({ from: "127.0.0.5/32", port: wide.port });
    dial(wide.port, { from: "127.0.0.5" });
    dial(wide.port, { from: "127.0.0.6" });
    await until("both arrive", () => wide.accepted.length === 1 && narrow.accepted.length === 1);
  });

  test("strangers are closed unread, and logged with a limit", async () => {
    const { port, accepted, log } = listen({ from: "127.0.0.2/32" });
    const strangers = Array.from({ length: 100 }, (_, i) => dial(port, { from: `127.0.1.${i + 1}` }));
    await until("all are closed", () => strangers.every((peer) => peer.closed !== undefined), 10_000);
    expect(accepted).toEqual([]);
    expect(log).toHaveLength(10);
    expect(log[0]).toMatch(/^BGP: Unexpected connect from unknown address 127\.0\.1\.\d+ \(port \d+\)$/);
    const friend = dial(port);
    await until("a friend is let in", () => friend.opened && accepted.length === 1);
  });

  test("a claim that is closed takes nothing any more, the others go on", async () => {
    const first = listen({ from: "127.0.0.2/32" });
    const second = listen({ from: "127.0.0.3/32", port: first.port });
    first.listener.close();
    const late = dial(first.port);
    const other = dial(first.port, { from: "127.0.0.3" });
    await until("closed, and open", () => late.closed !== undefined && second.accepted.length === 1);
    expect(other.closed).toBeUndefined();
    expect(first.accepted).toEqual([]);
  });

  test("a port that is taken is said once, and taken over when it is free", async () => {
    const port = nextPort++;
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen({ port, host: "0.0.0.0" }, resolve));
    const { trouble, accepted } = listen({ from: "127.0.0.2/32", port });
    await until("trouble", () => trouble.length > 0);
    expect(trouble).toEqual(["Address already in use"]);
    await new Promise((resolve) => blocker.close(resolve));
    await until("it listens", () => trouble.length === 2, 8000);
    expect(trouble).toEqual(["Address already in use", undefined]);
    dial(port);
    await until("accepted", () => accepted.length === 1);
  }, 15_000);
});

describe.skipIf(!libc())("socket options", () => {
  test("MD5: the right key, no key, another key; changed while sessions live", async () => {
    const { port, accepted, listener } = listen({ from: "127.0.0.2/32", md5: "secret" });
    const right = dial(port, { md5: "secret" });
    await until("the right key connects", () => right.opened && accepted.length === 1);
    const wrong = dial(port, { md5: "other" });
    const none = dial(port);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([wrong.opened, none.opened, wrong.closed, none.closed]).toEqual([false, false, undefined, undefined]);
    listener.setKey("other"); // wrong's SYN is sent again after a second
    await until("the new key connects", () => wrong.opened, 5000);
    right.connection.write(Uint8Array.of(1));
    await until("the old connection goes on", () => accepted[0]!.received.length === 1);
  }, 10_000);

  test("MD5 for a range", async () => {
    const { port, accepted } = listen({ from: "127.0.7.0/24", md5: "range" });
    const inside = dial(port, { from: "127.0.7.9", md5: "range" });
    await until("connected", () => inside.opened && accepted.length === 1);
  });

  test("a password that is too long is refused, not cut", async () => {
    const peer = dial(nextPort++, { md5: "x".repeat(81) });
    await until("refused", () => peer.closed !== undefined);
    expect(peer.closed).toMatchObject({ kind: "setup", text: expect.stringContaining("80") });
  });

  test("TTL security: from further away is closed before anything is read; nobody else notices", async () => {
    const near = listen({ from: "127.0.0.2/32", minTtl: 255, ttl: 255 });
    const other = listen({ from: "127.0.0.3/32", port: near.port });
    const far = dial(near.port, { ttl: 64 });
    await until("closed", () => far.closed !== undefined);
    expect(near.accepted).toEqual([]);
    const good = dial(near.port, { ttl: 255, minTtl: 255 });
    dial(near.port, { from: "127.0.0.3", ttl: 64 });
    await until("both arrive", () => good.opened && near.accepted.length === 1 && other.accepted.length === 1);
  });
});
