/** The clients' switches in a file: what comes back, and what is not believed. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatStates, parseStates } from "../../src/control/state-file.ts";
import { StateStore } from "../../src/control/state-store.ts";
import type { ClientState } from "../../src/speaker.ts";

const OFF: ClientState = { enabled: false, fileDisabled: false, at: 1_700_000_000_000, pid: 12, user: "root" };
const STATES = new Map([
  ["tailscale", OFF],
  ["__proto__", { enabled: true, fileDisabled: true, at: 5 }],
]);

describe("as text", () => {
  test("comes back as it was", () => {
    expect(parseStates(formatStates(STATES, "boot-1"), "boot-1")).toEqual(STATES);
  });

  test("of another boot says nothing", () => {
    expect(parseStates(formatStates(STATES, "boot-1"), "boot-2")).toBeUndefined();
  });

  test.each(["", "{", "null", "[]", '{"version":2,"boot":"b","protocols":[]}', '{"version":1,"boot":"b"}'])(
    "%j is no such file",
    (text) => expect(parseStates(text, "b")).toBeUndefined(),
  );

  test("entries that make no sense are left out", () => {
    const entries = [null, 5, { name: 1 }, { name: "x", enabled: "yes", fileDisabled: false }, { name: "ok", ...OFF }];
    const text = JSON.stringify({ version: 1, boot: "b", protocols: entries });
    expect(parseStates(text, "b")).toEqual(new Map([["ok", OFF]]));
  });

  test("noise never throws", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        parseStates(text, "b");
      }),
    );
  });
});

describe("on disk", () => {
  let directory: string;
  let log: string[];
  const store = (): StateStore => new StateStore(join(directory, "bird.ctl"), (_level, text) => log.push(text));

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "linnet-state-"));
    log = [];
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test("is for us alone, complete, and found by the next daemon", () => {
    const first = store();
    first.save(STATES);
    first.flush();
    expect(readdirSync(directory)).toEqual(["bird.ctl.state"]);
    expect(statSync(first.path).mode & 0o777).toBe(0o600);
    expect(store().load()).toEqual(STATES);
  });

  test("several changes in a turn are one file", async () => {
    const first = store();
    first.save(new Map());
    first.save(STATES);
    await new Promise((resolve) => setImmediate(resolve));
    expect(parseStates(readFileSync(first.path, "utf8"), bootOf(first.path))).toEqual(STATES);
  });

  test("what a dying daemon left half done is no obstacle", () => {
    writeFileSync(join(directory, "bird.ctl.state.new"), "{");
    const first = store();
    first.save(STATES);
    first.flush();
    expect(store().load()).toEqual(STATES);
  });

  test("that cannot be written is said once", () => {
    const lost = new StateStore(join(directory, "no", "bird.ctl"), (_level, text) => log.push(text));
    for (let i = 0; i < 3; i++) {
      lost.save(STATES);
      lost.flush();
    }
    expect(log).toHaveLength(1);
    expect(log[0]).toContain("No such file or directory");
  });

  test("nothing there is nothing set, and no complaint", () => {
    expect(store().load()).toEqual(new Map());
    expect(log).toEqual([]);
  });
});

function bootOf(path: string): string {
  return (JSON.parse(readFileSync(path, "utf8")) as { boot: string }).boot;
}
