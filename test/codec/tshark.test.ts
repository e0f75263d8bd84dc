/** tshark as a differential oracle: random UPDATEs, encoded by us, read by it. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type CodecContext, DEFAULT_CONTEXT } from "../../protocol/codec/capability.ts";
import { encodeMessage } from "../../protocol/codec/message.ts";
import type { Nlri } from "../../protocol/codec/nlri.ts";
import type { Update } from "../../protocol/codec/update.ts";
import { formatAddress } from "../../protocol/wire/address.ts";
import { ByteWriter } from "../../protocol/wire/bytes.ts";
import { anyUpdate } from "./arbitraries.ts";

const missing = spawnSync("tshark", ["--version"]).status !== 0;
const IBGP: CodecContext = { ...DEFAULT_CONTEXT, peer: "ibgp" };
const MESSAGES = 150;

const FIELDS = {
  origin: "bgp.update.path_attribute.origin",
  nextHop: "bgp.update.path_attribute.next_hop",
  med: "bgp.update.path_attribute.multi_exit_disc",
  localPref: "bgp.update.path_attribute.local_pref",
  asns: "bgp.update.path_attribute.as_path_segment.as4",
  communities: "bgp.update.path_attribute.community_value",
  originatorId: "bgp.update.path_attribute.originator_id",
  announced: "bgp.nlri_prefix",
  withdrawn: "bgp.withdrawn_prefix",
  reach6: "bgp.mp_reach_nlri_ipv6_prefix",
  unreach6: "bgp.mp_unreach_nlri_ipv6_prefix",
  malformed: "_ws.malformed",
} as const;

test.skipIf(missing)(
  `tshark reads what we write, ${MESSAGES} UPDATEs${missing ? " (tshark is not installed)" : ""}`,
  () => {
    // Families that tshark names its fields differently for are left to the corpus of captures.
    const plain = anyUpdate(IBGP).filter(({ attributes: { mpReach, mpUnreach } }) =>
      [mpReach, mpUnreach].every((mp) => mp === undefined || (mp.afi === 2 && mp.safi === 1 && !mp.raw)),
    );
    // Attributes whose random contents tshark looks into are not compared.
    const updates = fc.sample(plain, { numRuns: MESSAGES, seed: 20_260_101 }).map((update): Update => {
      const {
        unknown: _u,
        pmsiTunnel: _p,
        ipv6ExtCommunities: _i,
        extCommunities: _e,
        ...attributes
      } = update.attributes;
      const { mpReach, mpUnreach, ...others } = attributes;
      const mp = {
        ...(mpReach ? { mpReach: { ...mpReach, nlri: long(mpReach.nlri) } } : {}),
        ...(mpUnreach ? { mpUnreach: { ...mpUnreach, nlri: long(mpUnreach.nlri) } } : {}),
      };
      const fields = { withdrawn: long(update.withdrawn), announced: long(update.announced) };
      return { ...update, ...fields, attributes: { ...others, ...mp } };
    });
    const rows = dissect(updates.map((update) => encodeMessage(update, IBGP)));
    expect(rows).toHaveLength(MESSAGES);
    for (const [i, update] of updates.entries()) expect(rows[i], `UPDATE ${i}`).toEqual(expected(update));
  },
  60_000,
);

/** Without short prefixes, whose octets tshark takes for path identifiers. */
function long(list: readonly Nlri[]): readonly Nlri[] {
  return list.filter(({ prefix }) => prefix.length > 16 && prefix.w0 >>> 24 > 32);
}

/** tshark shows reserved communities in another field. */
function hasAs(community: number): boolean {
  return community >>> 16 !== 0 && community >>> 16 !== 0xffff;
}

function expected({ withdrawn, announced, attributes: a }: Update): Record<keyof typeof FIELDS, string> {
  const nets = (list: readonly Nlri[] | undefined): string =>
    (list ?? []).map(({ prefix }) => formatAddress(prefix)).join();
  const one = (value: number | undefined): string => (value === undefined ? "" : String(value));
  return {
    origin: one(a.origin),
    nextHop: a.nextHop ? formatAddress(a.nextHop) : "",
    med: one(a.multiExitDisc),
    localPref: one(a.localPref),
    asns: (a.asPath ?? []).flatMap(({ asns }) => asns).join(),
    communities: (a.communities ?? [])
      .filter(hasAs)
      .map((c) => c & 0xffff)
      .join(),
    originatorId:
      a.originatorId === undefined ? "" : formatAddress({ family: 4, w0: a.originatorId, w1: 0, w2: 0, w3: 0 }),
    announced: nets(announced),
    withdrawn: nets(withdrawn),
    reach6: nets(a.mpReach?.nlri),
    unreach6: nets(a.mpUnreach?.nlri),
    malformed: "",
  };
}

function dissect(messages: readonly Uint8Array[]): Record<string, string>[] {
  const directory = mkdtempSync(join(tmpdir(), "linnet-tshark-"));
  try {
    const file = join(directory, "updates.pcap");
    writeFileSync(file, capture(messages));
    const fields = Object.values(FIELDS).flatMap((field) => ["-e", field]);
    const options = [
      "-n",
      "-r",
      file,
      "-o",
      "bgp.asn_len:4",
      "-T",
      "fields",
      "-E",
      "separator=|",
      "-E",
      "occurrence=a",
    ];
    const { stdout, stderr } = spawnSync("tshark", [...options, ...fields], { encoding: "utf8", maxBuffer: 1 << 26 });
    const lines = stdout.split("\n").filter((line) => line !== "");
    if (lines.length === 0) throw new Error(stderr);
    return lines.map((line) => Object.fromEntries(line.split("|").map((value, i) => [Object.keys(FIELDS)[i]!, value])));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A pcap of raw IPv4, a packet a message, one TCP stream. */
function capture(messages: readonly Uint8Array[]): Uint8Array {
  const w = new ByteWriter(1 << 16);
  w.u32(0xa1b2_c3d4).u16(2).u16(4).u32(0).u32(0).u32(65535).u32(101);
  let sequence = 1;
  for (const [i, message] of messages.entries()) {
    const length = 40 + message.length;
    w.u32(1_700_000_000).u32(i).u32(length).u32(length);
    w.u8(0x45).u8(0).u16(length).u16(i).u16(0x4000).u8(64).u8(6).u16(0).u32(0x0a00_0001).u32(0x0a00_0002);
    w.u16(40_000).u16(179).u32(sequence).u32(1).u16(0x5018).u16(0xffff).u32(0).bytes(message);
    sequence += message.length;
  }
  return w.finish();
}
