/** However long or hostile the input, memory stays within a bound, and lines come while it still runs. */
import { PassThrough, Readable, Writable } from "node:stream";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createGzip } from "node:zlib";
import { describe, expect, test } from "vitest";
import { decodeCommand } from "../../../src/cli/decode.ts";
import { frame, join, KEEPALIVE, le32, pcap, sectionHeader, u32, update } from "../../archive/support.ts";
import { linesOf } from "./run.ts";

const MB = 1 << 20;
/** What the collector leaves lying at a busy moment; the captures are far larger, or would be if they were kept. */
const ROOM = 80 * MB;

/** Runs it over a stream. @returns the last line, and by how much what it holds on to has grown at most */
async function run(
  args: string[],
  stdin: AsyncIterable<Uint8Array>,
): Promise<{ status: number; last: string; grown: number }> {
  let last = "";
  const stdout = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      last = Buffer.from(chunk).toString("utf8").trimEnd().split("\n").at(-1) ?? "";
      done();
    },
  });
  const stderr = new Writable({ write: (_chunk, _encoding, done) => done() });
  const before = live();
  let most = before;
  async function* watched(): AsyncGenerator<Uint8Array> {
    let chunks = 0;
    for await (const chunk of stdin) {
      yield chunk;
      if (chunks++ % 16 === 15) most = Math.max(most, live());
    }
    most = Math.max(most, live());
  }
  const status = await decodeCommand(args, { stdin: watched(), stdout, stderr });
  return { status, last, grown: most - before };
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Octets in use, garbage not counted. */
function live(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** A capture of one session without end: the same segments again, with the next sequence numbers. */
async function* longCapture(octets: number): AsyncGenerator<Uint8Array> {
  const message = update({ announced: ["10.0.0.0/8", "192.0.2.0/24"], path: [65_001, 65_002, 65_003] });
  const data = join(...Array.from({ length: 24 }, () => message));
  const file = pcap(
    Array.from({ length: 500 }, () => frame({ seq: 0, ack: 1, data })),
    { step: 0 },
  );
  yield file.slice(0, 24);
  const body = file.subarray(24);
  const size = body.length / 500;
  const view = new DataView(body.buffer, body.byteOffset);
  let seq = 0;
  for (let sent = 0; sent < octets; sent += body.length) {
    for (let i = 0; i < 500; i++, seq = (seq + data.length) >>> 0) view.setUint32(i * size + 16 + 14 + 20 + 4, seq);
    yield body.slice();
  }
}

async function* repeated(first: Uint8Array, chunk: Uint8Array, times: number): AsyncGenerator<Uint8Array> {
  yield first;
  for (let i = 0; i < times; i++) yield chunk;
}

describe("memory", () => {
  test("does not grow with the length of a capture", async () => {
    const { status, last, grown } = await run(["--summary", "-"], longCapture(128 * MB));
    expect(status).toBe(0);
    expect(JSON.parse(last)).toMatchObject({ kind: "summary", errors: 0, gaps: 0, sessions: 1 });
    expect(JSON.parse(last).messages).toBeGreaterThan(1_000_000);
    expect(grown).toBeLessThan(ROOM);
  }, 60_000);

  test("nor with that of its lines", async () => {
    const { status, last, grown } = await run(["-"], longCapture(32 * MB));
    expect(status).toBe(0);
    expect(JSON.parse(last)).toMatchObject({ type: "UPDATE" });
    expect(grown).toBeLessThan(ROOM);
  }, 60_000);

  test("a gzip of zeros in a pcapng block that claims 4 GB", async () => {
    const head = join(sectionHeader(), le32(0xbad), le32(0xffff_fffc));
    const bomb = Readable.from(repeated(head, new Uint8Array(MB), 200)).pipe(createGzip());
    const { status, grown } = await run(["-"], bomb);
    expect(status).toBe(1); // it ends before the block does
    expect(grown).toBeLessThan(ROOM);
  }, 60_000);

  test("an MRT record that claims 4 GB is refused at once", async () => {
    const head = join(u32(1), [0, 13, 0, 2], u32(0xffff_ffff));
    const { status, last } = await run(
      ["-"],
      repeated(join(u32(1), [0, 16, 0, 99], u32(0), head), new Uint8Array(MB), 5),
    );
    expect(status).toBe(1);
    expect(JSON.parse(last)).toMatchObject({ kind: "unsupported" });
  });

  test("connections without number, each with something that waits", async () => {
    const waiting = new Uint8Array(1000).fill(1);
    async function* scan(): AsyncGenerator<Uint8Array> {
      yield pcap([]);
      for (let i = 0; i < 60_000; i += 1000) {
        const packets = Array.from({ length: 1000 }, (_, j) => {
          const src = `10.${(i + j) >> 16}.${((i + j) >> 8) & 255}.${(i + j) & 255}`;
          return [frame({ src, seq: 1, data: [255] }), frame({ src, seq: 100, data: waiting })];
        });
        yield pcap(packets.flat()).slice(24);
      }
    }
    const { status, grown } = await run(["--summary", "-"], scan());
    expect(status).toBe(0);
    expect(grown).toBeLessThan(160 * MB);
  }, 60_000);
});

test("lines come as soon as their packet is there", async () => {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const done = decodeCommand(["-"], { stdin, stdout, stderr: new PassThrough() });
  const file = pcap([frame({ seq: 1, data: KEEPALIVE }), frame({ seq: 20, data: KEEPALIVE })]);
  const first = 24 + (file.length - 24) / 2;
  stdin.write(file.subarray(0, first));
  const [line] = (await stdout[Symbol.asyncIterator]().next()).value.toString().split("\n");
  expect(linesOf(line)).toMatchObject([{ frame: 1, type: "KEEPALIVE" }]);
  stdin.end(file.subarray(first));
  expect(await done).toBe(0);
});
