/**
 * Captures and MRT files from the world against what tshark and bgpdump made of them. They are no part of this repository:
 * without them (`../shared/corpus`) there is nothing to compare.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { decode, type Line, linesOf } from "./run.ts";

const CORPUS = new URL("../../../../shared/corpus/", import.meta.url).pathname;
const present = existsSync(CORPUS);
if (!present) console.log(`skipped: no corpus of captures at ${CORPUS}`);

const captures = present ? names("captures", ".oracle.jsonl") : [];
const tables = present ? names("mrt", ".oracle.txt.gz") : [];

describe.skipIf(!present)("captures", () => {
  test("there are some", () => expect(captures.length).toBeGreaterThan(40));

  test.each(captures)("%s", async (name) => {
    const { status, out } = await decode(["--json", `${CORPUS}captures/${name}`]);
    expect(status).toBe(0);
    const oracle = linesOf(readFileSync(`${CORPUS}captures/${name}.oracle.jsonl`, "utf8"));
    const lines = linesOf(out);
    // What has no marker is no message to us but a gap; the oracle shows what tshark took for one, up to its length.
    const framed = oracle.filter((line) => !/^(marker|\d+ octets)$/.test(line.malformed ?? ""));
    const unframed = oracle.filter((line) => !framed.includes(line));
    const found = lines.filter((line) => line.kind === undefined);
    const swallowed = unframed.some((line) => line.malformed === "marker");
    const messages = swallowed ? found.slice(0, framed.length) : found;
    expect(messages.map(place)).toEqual(framed.map(place));
    for (const [i, line] of framed.entries()) {
      if (line.malformed === undefined) expect(comparable(messages[i])).toEqual(comparable(line));
      else expect(messages[i].error).toBeDefined();
    }
    const gaps = lines.filter((line) => line.kind === "gap");
    for (const line of unframed) expect(gaps.some((gap) => gap.frame === line.frame && gap.skipped > 0)).toBe(true);
    expect(gaps.every((gap) => gap.missing + gap.skipped > 0)).toBe(true);
  });
});

describe.skipIf(!present)("MRT files", () => {
  test("there are some", () => expect(tables.length).toBe(10));

  test.each(tables)("%s", async (name) => {
    const { status, out } = await decode(["--json", `${CORPUS}mrt/${name}`]);
    expect(status).toBe(0);
    const oracle = gunzipSync(readFileSync(`${CORPUS}mrt/${name}.oracle.txt.gz`))
      .toString("utf8")
      .split("\n");
    const lines = linesOf(out);
    // MRT type 5, of 1999 and 2000, is read by bgpdump alone.
    if (oracle[0]?.startsWith("BGP|")) {
      expect(lines.length).toBeGreaterThan(0);
      expect(lines.every((line) => line.kind === "unsupported")).toBe(true);
      return;
    }
    expect(lines.flatMap(bgpdumpLines)).toEqual(oracle.filter((line) => line !== "").map(withoutHostBits));
  });
});

function names(folder: string, suffix: string): string[] {
  const files = readdirSync(`${CORPUS}${folder}`).filter((file) => file.endsWith(suffix));
  return files.map((file) => file.slice(0, -suffix.length)).sort();
}

function place({ frame, stream, type, length }: Line): Line {
  return { frame, stream, type, length };
}

/** Without what the oracle has more, or we have for people; times with nine decimals. */
function comparable({ octets, as4Guessed, name, ts, ...line }: Line): Line {
  const [seconds, fraction = ""] = ts.split(".");
  return { ...line, ts: `${seconds}.${fraction.padEnd(9, "0")}` };
}

/** A line of ours in the form of `bgpdump -m`. */
function bgpdumpLines(line: Line): string[] {
  const type = line.kind === "rib" ? tableType(line) : line.ts.includes(".") ? "BGP4MP_ET" : "BGP4MP";
  if (line.kind === "state") {
    return [
      [type, line.ts, "STATE", line.src, line.peerAs, stateNumber(line.oldState), stateNumber(line.newState)].join("|"),
    ];
  }
  if (line.kind === "rib") {
    const { address, asn } = line.peer;
    return [[type, line.ts, "B", address, asn, prefixText(line), ...routeFields(line)].join("|")];
  }
  const head = [type, line.ts];
  const withdrawn = (line.withdrawn ?? []).map((nlri: Line) => [...head, "W", line.src, line.peerAs, prefixText(nlri)]);
  const announced = (line.announced ?? []).map((nlri: Line) => {
    return [...head, "A", line.src, line.peerAs, prefixText(nlri), ...routeFields(line)];
  });
  return [...withdrawn, ...announced].map((fields) => fields.join("|"));
}

function tableType(line: Line): string {
  if (line.peer.bgpIdentifier === undefined) return "TABLE_DUMP";
  return line.pathId === undefined ? "TABLE_DUMP2" : "TABLE_DUMP2_AP";
}

function prefixText(nlri: Line): string {
  if (typeof nlri === "string") return nlri;
  return nlri.pathId === undefined ? nlri.prefix : `${nlri.prefix}|${nlri.pathId}`;
}

/** path | origin | next hop | local pref | MED | communities | AG or NAG | aggregator | */
function routeFields({ nextHop = "255.255.255.255", attributes: a = {} }: Line): unknown[] {
  const aggregator = a.as4Aggregator && a.aggregator?.asn === 23456 ? a.as4Aggregator : a.aggregator;
  const path = (a.effectiveAsPath ?? a.asPath ?? "").replace(/\{([^}]*)\}/g, (_: string, set: string) => {
    return `{${set.replaceAll(" ", ",")}}`;
  });
  return [
    path,
    a.origin ?? "INCOMPLETE", // as bgpdump has it
    nextHop,
    a.localPref ?? 0,
    a.med ?? 0,
    (a.communities ?? []).map((c: string) => NAMES[c] ?? c).join(" "),
    a.atomicAggregate ? "AG" : "NAG",
    aggregator ? `${aggregator.asn} ${aggregator.address}` : "",
    "",
  ];
}

/** bgpdump prints prefixes with the host bits that were sent. */
function withoutHostBits(line: string): string {
  return line.replace("|11.13.0.0/13|", "|11.8.0.0/13|");
}

function stateNumber(name: string): number {
  const number = ["", "Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"].indexOf(name);
  return number < 0 ? Number(name) : number;
}

const NAMES: Record<string, string> = {
  "65535:65281": "no-export",
  "65535:65282": "no-advertise",
  "65535:65283": "local-AS",
};
