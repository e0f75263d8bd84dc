/** Tricky messages on record (fixtures/message): what a session does about each, and what the lens says. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { CodecContext } from "../../protocol/codec/capability.ts";
import { inspectMessage } from "../../protocol/codec/inspect.ts";
import { EBGP, hex, IBGP, MEMBER, OLD, outcome, PATHS } from "./support.ts";

interface Row {
  readonly why: string;
  readonly context: keyof typeof CONTEXTS;
  readonly octets: string;
  readonly session: string;
  readonly findings: readonly string[];
}

const CONTEXTS: Readonly<Record<"ebgp" | "ibgp" | "member" | "two-octet" | "add-path", CodecContext>> = {
  ebgp: EBGP,
  ibgp: IBGP,
  member: MEMBER,
  "two-octet": OLD,
  "add-path": PATHS,
};
const DIRECTORY = new URL("../../fixtures/message/", import.meta.url);

describe.each(readdirSync(DIRECTORY).filter((file) => file.endsWith(".json")))("%s", (file) => {
  const rows = JSON.parse(readFileSync(new URL(file, DIRECTORY), "utf8")) as Row[];
  test.each(rows)("$why", ({ context, octets, session, findings }) => {
    expect(outcome(hex(octets), CONTEXTS[context])).toBe(session);
    const seen = inspectMessage(hex(octets), { ...CONTEXTS[context], peer: "unknown" });
    expect(seen.findings.map((f) => `${f.action} ${f.code}/${f.subcode}: ${f.message}`)).toEqual(findings);
  });
});
