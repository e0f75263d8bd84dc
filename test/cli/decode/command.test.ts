/** The command: options, exit statuses, inputs of every kind, and what it says when something is wrong. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { Readable, Writable } from "node:stream";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { decodeCommand } from "../../../src/cli/decode.ts";
import {
  as4Capability,
  attribute,
  capability,
  frame,
  join,
  KEEPALIVE,
  message,
  open,
  pcap,
  prefix,
  reply,
  u16,
  update,
} from "../../archive/support.ts";
import { decode, decodeLines, type Line, linesOf } from "./run.ts";

const directory = mkdtempSync(joinPath(tmpdir(), "linnet-decode-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, octets: Uint8Array | string): string {
  const path = joinPath(directory, name);
  writeFileSync(path, octets);
  return path;
}

const OPEN = open(65_001, [as4Capability(65_001)]);
const SESSION = pcap([
  frame({ seq: 99, flags: "S" }),
  reply({ seq: 499, ack: 100, flags: "SA" }),
  frame({ seq: 100, ack: 500, data: OPEN }),
  reply({ seq: 500, ack: 100, data: open(65_002, [as4Capability(65_002)]) }),
  frame({
    seq: 100 + OPEN.length,
    ack: 500,
    data: join(KEEPALIVE, update({ announced: ["10.0.0.0/8"], path: [65_001, 64_512] })),
  }),
]);
/** An UPDATE with an ORIGIN that is none. */
const BROKEN = ((): Uint8Array => {
  const attributes = join(attribute(0x40, 1, [9]), attribute(0x40, 2, []), attribute(0x40, 3, [192, 0, 2, 1]));
  return message(2, join([0, 0], u16(attributes.length), attributes, prefix("10.0.0.0/8")));
})();
const hexOf = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");

describe("inputs", () => {
  test("a file and standard input give the same lines", async () => {
    const { out, status } = await decode([file("session.pcap", SESSION)]);
    expect(status).toBe(0);
    expect((await decode(["-"], [SESSION])).out).toBe(out);
    expect(linesOf(out).map(({ type }) => type)).toEqual(["OPEN", "OPEN", "KEEPALIVE", "UPDATE"]);
    expect(linesOf(out)[3]).toEqual({
      frame: 5,
      stream: 0,
      ts: "1700000004.000004",
      src: "192.0.2.1:40000",
      dst: "192.0.2.2:179",
      type: "UPDATE",
      length: 49,
      announced: ["10.0.0.0/8"],
      nextHop: "192.0.2.1",
      attributes: { origin: "IGP", asPath: "65001 64512", nextHop: "192.0.2.1" },
      as4: true,
    });
  });

  test("gzip, several members of it, and bzip2, told by content", async () => {
    const plain = (await decode([file("a", SESSION)])).out;
    const members = join(gzipSync(SESSION.subarray(0, 100)), gzipSync(SESSION.subarray(100)));
    expect((await decode([file("b.txt", gzipSync(SESSION))])).out).toBe(plain);
    expect((await decode([file("c.pcap", members)])).out).toBe(plain);
    const byteForByte = [...members].map((octet) => Uint8Array.of(octet));
    expect((await decode(["-"], byteForByte)).out).toBe(plain);
  });

  test.skipIf(spawnSync("bzip2", ["--help"]).error)("bzip2, made by bzip2", async () => {
    const { stdout } = spawnSync("bzip2", ["-c"], { input: SESSION });
    expect((await decode([file("d", stdout)])).out).toBe((await decode(["-"], [SESSION])).out);
  });

  test("several files: each for itself, and every line says which", async () => {
    const [a, b] = [file("one.pcap", SESSION), file("two.pcap", SESSION)];
    const lines = linesOf((await decode([a, b])).out);
    expect(lines.map((line) => line.file)).toEqual([...new Array(4).fill(a), ...new Array(4).fill(b)]);
    expect(new Set(lines.map(({ stream }) => stream))).toEqual(new Set([0]));
  });
});

describe("exit status and what is said", () => {
  test.each([
    {
      name: "no capture",
      octets: "hello, world, this is text",
      says: "neither pcap nor pcapng nor MRT (byte offset 0)",
    },
    { name: "empty", octets: "", says: "neither pcap nor pcapng nor MRT (byte offset 0)" },
    {
      name: "cut gzip",
      octets: gzipSync(SESSION).subarray(0, -12),
      says: /gzip: the file is cut \(record \d, byte offset \d+\)/,
    },
    { name: "gzip with a wrong checksum", octets: damaged(gzipSync(SESSION), -6), says: /gzip: incorrect data check/ },
    { name: "gzip that is none", octets: Uint8Array.of(0x1f, 0x8b, 9, 9, 9, 9), says: /gzip: / },
  ])("$name: 1", async ({ name, octets, says }) => {
    const path = file(name, octets);
    const { status, err } = await decode([path]);
    expect(status).toBe(1);
    expect(err.startsWith(`${path}: `)).toBe(true);
    expect(err).toMatch(says);
    expect(err.split("\n").length).toBe(2); // one line
  });

  test("cut inside a record: what came before is printed, then record and offset", async () => {
    const last = 24 + SESSION.subarray(24).length - 1;
    const path = file("cut.pcap", SESSION.subarray(0, last));
    const { status, out, err } = await decode([path]);
    expect(status).toBe(1);
    expect(linesOf(out).length).toBe(2);
    expect(err).toMatch(/cut\.pcap: the file is cut inside a record \(record 5, byte offset \d+\)\n$/);
  });

  test("gzip with a wrong checksum at its end: all is printed", async () => {
    const { out } = await decode(["-"], [damaged(gzipSync(SESSION), -6)]);
    expect(linesOf(out).length).toBe(4);
  });

  test("a missing file, a directory, and on with the next", async () => {
    const good = file("good.pcap", SESSION);
    const { status, out, err } = await decode([joinPath(directory, "missing"), directory, good]);
    expect(status).toBe(1);
    expect(linesOf(out).length).toBe(4);
    expect(err).toContain("missing: no such file or directory");
    expect(err).toContain(`${directory}: is a directory`);
  });

  test("ill-formed BGP is a finding, not a failure", async () => {
    const { status, out, err } = await decode(["-"], [pcap([frame({ seq: 1, data: BROKEN })])]);
    expect(status).toBe(0);
    expect(err).toBe("");
    expect(linesOf(out)[0]).toMatchObject({
      announced: ["10.0.0.0/8"],
      error: { code: 3, subcode: 6, action: "treat-as-withdraw", data: "40010109" },
    });
  });

  test.each([
    { args: [] },
    { args: ["--nonsense", "x"] },
    { args: ["--as4", "maybe", "x"] },
    { args: ["--as4"] },
    { args: ["--port", "0", "x"] },
    { args: ["--port", "bgp", "x"] },
    { args: ["--filter", "colour=red", "x"] },
    { args: ["--filter", "prefix=10.0.0.0/33", "x"] },
    { args: ["-", "-"] },
  ])("wrong usage: 2 for $args", async ({ args }) => {
    const { status, out, err } = await decode(args);
    expect(status).toBe(2);
    expect(out).toBe("");
    expect(err).toMatch(/^linnet decode: .+\n/);
  });

  test("--help", async () => {
    const { status, out } = await decode(["--help"]);
    expect(status).toBe(0);
    for (const option of ["--json", "--hex", "--as4", "--add-path", "--port", "--filter", "--summary", "--strict"]) {
      expect(out).toContain(option);
    }
  });

  test("a reader that goes away ends it without a word", async () => {
    let written = 0;
    const gone = new Writable({
      write(chunk: Uint8Array, _encoding, done) {
        written += chunk.length;
        done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
      },
    });
    const err = new Writable({ write: (_chunk, _encoding, done) => done(new Error("something was said")) });
    const many = pcap(Array.from({ length: 5000 }, (_, i) => frame({ seq: 1 + i * 19, data: KEEPALIVE })));
    const chunks = Array.from({ length: 100 }, (_, i) =>
      many.subarray((i * many.length) / 100, ((i + 1) * many.length) / 100),
    );
    expect(await decodeCommand(["-"], { stdin: Readable.from(chunks), stdout: gone, stderr: err })).toBe(0);
    expect(written).toBeLessThan(200_000);
  });
});

describe("--strict", () => {
  test("stops at the first ill-formed message", async () => {
    const capture = pcap([1, 2, 3].map((i) => frame({ seq: 1 + BROKEN.length * i, data: BROKEN })));
    const { status, out, err } = await decode(["--strict", "-"], [capture]);
    expect(status).toBe(1);
    expect(linesOf(out).length).toBe(1);
    expect(err).toMatch(/^-: 3\/6 .+ \(frame 1, octet \d+\)\n$/);
  });

  test("stops at the first file that cannot be read", async () => {
    const { status, out } = await decode(["--strict", joinPath(directory, "missing"), file("after.pcap", SESSION)]);
    expect([status, out]).toEqual([1, ""]);
  });

  test("says nothing about a sound one", async () => {
    expect(await decode(["--strict", "-"], [SESSION])).toMatchObject({ status: 0, err: "" });
  });
});

describe("--hex", () => {
  test("blanks, colons, case, comments, empty lines and line ends", async () => {
    const digits = hexOf(KEEPALIVE);
    const lines = [
      "# a comment",
      "",
      digits.toUpperCase(),
      digits.replace(/(..)/g, "$1:").slice(0, -1),
      ` ${digits.slice(0, 32)}\t${digits.slice(32)} \r`,
    ];
    const result = await decode(["--hex"], [Buffer.from(lines.join("\n"))]);
    expect(result.status).toBe(0);
    expect(linesOf(result.out)).toEqual([3, 4, 5].map((number) => ({ frame: number, type: "KEEPALIVE", length: 19 })));
  });

  test("not hex: said, the others are decoded, 1 at the end", async () => {
    const path = file("lines.hex", `${hexOf(KEEPALIVE)}\nno hex\n${hexOf(KEEPALIVE).slice(1)}\n${hexOf(KEEPALIVE)}\n`);
    const { status, out, err } = await decode(["--hex", path]);
    expect(status).toBe(1);
    expect(err).toBe(`${path}: line 2: not hex\n${path}: line 3: not hex\n`);
    expect(linesOf(out).map((line) => line.frame)).toEqual([1, 4]);
  });

  test.each([
    { name: "less than a header", hex: "ffff", error: { offset: 2 }, data: undefined },
    { name: "less than its length", hex: `${"ff".repeat(16)}001d0102`, error: { offset: 16 }, data: "001d" },
    { name: "a header without its type", hex: `${"ff".repeat(16)}0013`, error: {}, data: "0013" },
  ])("$name: 1/2", async ({ hex, error, data }) => {
    const [line] = linesOf((await decode(["--hex"], [Buffer.from(hex)])).out);
    expect(line.error).toMatchObject({ code: 1, subcode: 2, action: "session-reset", ...error });
    expect(line.error.data).toBe(data);
  });

  test("more than its length: the message, then the rest in a line of its own", async () => {
    const lines = linesOf((await decode(["--hex"], [Buffer.from(`${hexOf(KEEPALIVE)}aabbcc`)])).out);
    expect(lines).toMatchObject([
      { frame: 1, type: "KEEPALIVE", length: 19 },
      { frame: 1, error: { code: 1, subcode: 2, offset: 19 } },
    ]);
    expect(lines[0].error).toBeUndefined();
  });

  test("a line without end is bounded", async () => {
    const chunks = Array.from({ length: 100 }, () => Buffer.from("ff".repeat(20_000)));
    const { status, out, err } = await decode(["--hex"], [...chunks, Buffer.from(`\n${hexOf(KEEPALIVE)}\n`)]);
    expect(status).toBe(1);
    expect(err).toBe("-: line 1: longer than 1048576 characters\n");
    expect(linesOf(out)).toMatchObject([{ frame: 2 }]);
  });

  test("--as4 and --add-path", async () => {
    const narrow = update({ announced: ["10.0.0.0/8"], path: [1, 2, 3], width: 2 });
    const auto = linesOf((await decode(["--hex"], [Buffer.from(hexOf(narrow))])).out)[0];
    expect(auto).toMatchObject({ as4: false, attributes: { asPath: "1 2 3" } });
    const wide = linesOf((await decode(["--hex", "--as4", "yes"], [Buffer.from(hexOf(narrow))])).out)[0];
    expect(wide.as4).toBe(true);
    expect(wide.error).toMatchObject({ code: 3, subcode: 11 });
    const attributes = join(attribute(0x40, 1, [0]), attribute(0x40, 2, []), attribute(0x40, 3, [192, 0, 2, 1]));
    const ids = message(2, join([0, 0], u16(attributes.length), attributes, [0, 0, 0, 1], [0]));
    expect(linesOf((await decode(["--hex"], [Buffer.from(hexOf(ids))])).out)[0].announced[0]).toBe("0.0.0.0/0");
    const chosen = linesOf((await decode(["--hex", "--add-path", "yes"], [Buffer.from(hexOf(ids))])).out)[0];
    expect(chosen.announced).toEqual([{ prefix: "0.0.0.0/0", pathId: 1 }]);
  });
});

describe("--filter", () => {
  const messages = [
    update({ announced: ["10.1.0.0/16"], path: [65_001, 70_000] }),
    update({ announced: ["192.0.2.0/24"], path: [65_001] }),
    update({ withdrawn: ["10.2.3.0/24"] }),
    KEEPALIVE,
  ];
  const capture = pcap([
    frame({ seq: 1, data: join(...messages) }),
    frame({ src: "198.51.100.1", sport: 5000, seq: 1, data: join(open(65_009), KEEPALIVE) }),
  ]);
  const kept = async (...filters: string[]): Promise<string[]> => {
    const lines = await decodeLines(
      capture,
      filters.flatMap((filter) => ["--filter", filter]),
    );
    return lines.map((line) => (line.announced ?? line.withdrawn ?? [line.type])[0]);
  };

  test.each([
    { filters: ["prefix=10.0.0.0/8"], wanted: ["10.1.0.0/16", "10.2.3.0/24"] },
    { filters: ["10.1.0.0/16"], wanted: ["10.1.0.0/16"] },
    { filters: ["prefix=192.0.2.0/24", "prefix=10.2.0.0/16"], wanted: ["192.0.2.0/24", "10.2.3.0/24"] },
    { filters: ["prefix=10.0.0.0/9,192.0.2.0/24"], wanted: ["10.1.0.0/16", "192.0.2.0/24", "10.2.3.0/24"] },
    { filters: ["as=70000"], wanted: ["10.1.0.0/16"] },
    { filters: ["AS65009"], wanted: ["OPEN"] },
    { filters: ["type=keepalive"], wanted: ["KEEPALIVE", "KEEPALIVE"] },
    { filters: ["type=OPEN", "type=KEEPALIVE", "peer=198.51.100.1"], wanted: ["OPEN", "KEEPALIVE"] },
    { filters: ["peer=192.0.2.2", "type=OPEN"], wanted: ["OPEN"] },
    { filters: ["peer=203.0.113.1"], wanted: [] },
    { filters: ["as=65001", "prefix=192.0.2.0/24"], wanted: ["192.0.2.0/24"] },
  ])("$filters", async ({ filters, wanted }) => {
    expect(await kept(...filters)).toEqual(wanted);
  });

  test("a summary of what is left", async () => {
    const lines = await decodeLines(capture, ["--summary", "--filter", "type=UPDATE"]);
    expect(lines.at(-1)).toMatchObject({ kind: "summary", messages: 3, types: { UPDATE: 3 } });
  });
});

describe("--summary", () => {
  test("JSON: a line a session, then the totals", async () => {
    const lines = await decodeLines(SESSION, ["--summary"]);
    expect(lines).toEqual([
      expect.objectContaining({
        kind: "session",
        stream: 0,
        src: "192.0.2.1:40000",
        dst: "192.0.2.2:179",
        srcAs: 65_001,
        dstAs: 65_002,
        messages: 4,
        announced: 1,
        types: { OPEN: 2, KEEPALIVE: 1, UPDATE: 1 },
      }),
      expect.objectContaining({
        kind: "summary",
        records: 5,
        sessions: 1,
        messages: 4,
        errors: 0,
        firstTs: "1700000002.000002",
      }),
    ]);
  });

  test("the quick count and the slow one agree", async () => {
    const capture = pcap([
      frame({
        seq: 1,
        data: join(update({ announced: ["10.0.0.0/8"] }), BROKEN, update({ withdrawn: ["10.0.0.0/8"] })),
      }),
      frame({ seq: 999, data: KEEPALIVE }),
      reply({ seq: 1, ack: 1500, data: KEEPALIVE }),
    ]);
    const quick = await decodeLines(capture, ["--summary"]);
    const slow = await decodeLines(capture, ["--summary", "--filter", "type=UPDATE,KEEPALIVE,GAP"]);
    expect(quick).toEqual(slow);
    expect(quick.at(-1)).toMatchObject({ errors: 1, actions: { "treat-as-withdraw": 1 }, gaps: 2 });
  });

  test("on a terminal, a table", async () => {
    const { out } = await decode(["--summary", "-"], [SESSION], true);
    expect(out).toMatch(/UPDATE +1/);
    expect(out).toMatch(/stream +session +messages/);
    expect(out).toContain("192.0.2.1:40000 AS65001 - 192.0.2.2:179 AS65002");
  });
});

describe("on a terminal", () => {
  test("a readable line a message; --json does not care", async () => {
    const { out } = await decode(["-"], [SESSION], true);
    expect(out).toContain("OPEN 37  version 4, AS65001");
    expect(out).toContain("UPDATE 49  announce 10.0.0.0/8  via 192.0.2.1  path 65001 64512 i");
    expect(out.split("\n").length).toBe(5);
    expect(linesOf((await decode(["--json", "-"], [SESSION], true)).out).length).toBe(4);
  });

  test("errors stand below their message", async () => {
    const { out } = await decode(["-"], [pcap([frame({ seq: 1, data: BROKEN })])], true);
    expect(out).toMatch(/\n {4}treat-as-withdraw 3\/6 .+ORIGIN 9/);
  });

  test("what a peer wrote cannot drive it", async () => {
    const evil = [0x1b, 0x5b, 0x32, 0x4a, 0xc2, 0x9b, 0x31, 0x6d, 0x0a, 0x7f];
    const shutdown = message(3, [6, 2, evil.length, ...evil]);
    const name = open(65_001, [capability(73, evil.length, ...evil, 0)]);
    for (const tty of [true, false]) {
      const { out } = await decode(["-"], [pcap([frame({ seq: 1, data: join(name, shutdown) })])], tty);
      expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
      expect(out.trimEnd().split("\n").length).toBe(2);
    }
    const lines: Line[] = await decodeLines(pcap([frame({ seq: 1, data: join(name, shutdown) })]));
    expect(lines[0].capabilities[0].hostname).toBe("\u001b[2J\u009b1m\n\u007f");
    expect(lines[1].shutdownCommunication).toBe("\u001b[2J\u009b1m\n\u007f");
  });
});

test("any damage ends in lines and a status, never in an exception", async () => {
  const samples = [SESSION, pcap([frame({ seq: 1, data: join(KEEPALIVE, BROKEN) })]), gzipSync(SESSION)];
  const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 10 });
  const modes = fc.constantFrom(
    ["--json"],
    ["--summary"],
    ["--no-json"],
    ["--strict"],
    ["--add-path", "yes"],
    ["--hex"],
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...samples), damage, fc.nat(), modes, async (sample, places, cut, args) => {
      const octets = sample.slice();
      for (const [at, value] of places) octets[at % octets.length] = value;
      const { status, out, err } = await decode([...args, "-"], [octets.subarray(0, cut % (2 * octets.length))]);
      expect([0, 1]).toContain(status);
      expect(err).not.toMatch(/\n\s+at /);
      if (args[0] !== "--no-json") expect(() => linesOf(out)).not.toThrow();
    }),
    { numRuns: 300 },
  );
});

function damaged(octets: Uint8Array, at: number): Uint8Array {
  const copy = octets.slice();
  copy[copy.length + at]! ^= 1;
  return copy;
}
