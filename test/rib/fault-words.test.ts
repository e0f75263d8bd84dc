/** What the log says of attributes that are discarded or make routes withdrawn: the words are bird 2.0.12's. */
import { describe, expect, test } from "vitest";
import { message } from "../codec/support.ts";
import { net, Peer, World } from "./world.ts";

const NET = "192.0.2.0/24";
const ORIGIN = "40 01 01 00";
const AS_PATH = "40 02 06 02 01 0000fde9";
const NEXT_HOP = "40 03 04 0a000002";
const ALL = `${ORIGIN} ${AS_PATH} ${NEXT_HOP}`;

/** Attributes of one announcement; bird's words; whether the route comes in all the same. */
const rows: readonly (readonly [attributes: string, words: string, kept?: "kept"])[] = [
  [`${AS_PATH} ${NEXT_HOP}`, "Missing mandatory ORIGIN attribute"],
  [`${ORIGIN} ${NEXT_HOP}`, "Missing mandatory AS_PATH attribute"],
  [`${ORIGIN} ${AS_PATH}`, "Missing mandatory NEXT_HOP attribute"],
  [`40 01 01 07 ${AS_PATH} ${NEXT_HOP}`, "Malformed ORIGIN attribute - invalid value (7)"],
  [`40 01 02 0000 ${AS_PATH} ${NEXT_HOP}`, "Malformed ORIGIN attribute - invalid length (2)"],
  [`80 01 01 00 ${AS_PATH} ${NEXT_HOP}`, "Malformed origin attribute - conflicting flags (80)"],
  [`${ORIGIN} 40 02 06 09 01 0000fde9 ${NEXT_HOP}`, "Malformed AS_PATH attribute - "],
  [`${ORIGIN} ${AS_PATH} 40 03 00`, "Malformed NEXT_HOP attribute - invalid length (0)"],
  [`${ALL} 80 04 03 000005`, "Malformed MULTI_EXIT_DISC attribute - invalid length (3)"],
  [`${ALL} 40 04 04 00000005`, "Malformed med attribute - conflicting flags (40)"],
  [`${ALL} 40 05 04 00000005`, "Discarding LOCAL_PREF attribute received from EBGP neighbor", "kept"],
  [`${ALL} 40 06 01 00`, "Malformed ATOMIC_AGGR attribute - invalid length (1)", "kept"],
  [`${ALL} c0 07 02 0000`, "Malformed AGGREGATOR attribute - invalid length (2)", "kept"],
  [`${ALL} c0 08 03 000000`, "Malformed COMMUNITY attribute - invalid length (3)"],
  [`${ALL} d0 08 0003 000000`, "Malformed COMMUNITY attribute - invalid length (3)"],
  [`${ALL} 80 09 04 01010101`, "Discarding ORIGINATOR_ID attribute received from EBGP neighbor", "kept"],
  [`${ALL} 80 0a 04 01010101`, "Discarding CLUSTER_LIST attribute received from EBGP neighbor", "kept"],
  [`${ALL} c0 10 01 00`, "Malformed EXT_COMMUNITY attribute - invalid length (1)"],
  [`${ALL} c0 11 06 02 01 0000fde9`, "Discarding AS4_PATH attribute received from AS4-aware neighbor", "kept"],
  [`${ALL} c0 20 01 00`, "Malformed LARGE_COMMUNITY attribute - invalid length (1)"],
  [`${ALL} c0 23 01 00`, "Malformed OTC attribute - invalid length (1)"],
  [`${ALL} 40 ca 01 00`, "Unknown attribute (code 202) - conflicting flags (40)"],
  [`${ALL} ${ORIGIN}`, "Discarding duplicate attribute (code 1)", "kept"],
  [`${ALL} 80 1a 0b 01000b 0000000000000064`, "Discarding AIGP attribute received on non-AIGP session", "kept"],
  [`${ALL} c0`, "Malformed attribute list - "],
];

describe("faults of an UPDATE", () => {
  const cases = rows.map(([attributes, words, kept]) => ({ attributes, words, kept }));
  test.each(cases)("$attributes: $words", ({ attributes, words, kept }) => {
    const world = new World();
    const peer = new Peer(world, { address: "10.0.0.2", asn: 65001 }).up();
    const length = (attributes.replaceAll(" ", "").length / 2).toString(16).padStart(4, "0");
    peer.session.receiveUpdate(message(2, `0000 ${length} ${attributes} 18 c00002`));
    const [first, second] = peer.logged;
    expect(first?.startsWith(words), first).toBe(true);
    expect(second).toBe(kept ? undefined : `Invalid route ${NET} withdrawn`);
    expect(world.table4.find(net(NET)) !== undefined).toBe(kept !== undefined);
  });

  test("the octets stand behind it, and what was done", () => {
    const peer = new Peer(new World(), { address: "10.0.0.2", asn: 65001 }).up();
    peer.session.receiveUpdate(message(2, `0000 0014 40 01 01 07 ${AS_PATH} ${NEXT_HOP} 18 c00002`));
    expect(peer.logged[0]).toBe("Malformed ORIGIN attribute - invalid value (7) (treat-as-withdraw, 3/6: 40010107)");
  });

  test("AIGP of a session without it is not passed on", () => {
    const world = new World();
    const peer = new Peer(world, { address: "10.0.0.2", asn: 65001 }).up();
    peer.announce([NET], { aigp: { metric: 100n } });
    expect(world.table4.best(world.table4.find(net(NET))!)!.attributes.aigp).toBeUndefined();
  });
});
