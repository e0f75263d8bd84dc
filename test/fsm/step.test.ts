/** The state machine against the RFC's table, its timers, and its totality. */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Event, nextDeadline, type State, step } from "../../protocol/fsm/step.ts";
import { CONFIG, cells, NOW, PEER_OPEN, ROWS, STATES } from "./table.ts";

const fixture = readFileSync(new URL("../../fixtures/fsm/rfc4271.txt", import.meta.url), "utf8");
const expected = new Map(
  fixture
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [name, ...rest] = line.split("|").map((part) => part.trim());
      return [name!, rest] as const;
    }),
);

describe("RFC 4271 §8.2.2", () => {
  test("the table names every event once", () => {
    expect([...expected.keys()]).toEqual(ROWS.map((row) => row.name));
  });

  test.each(ROWS)("event $name", (row) => {
    expect(cells(row)).toEqual(expected.get(row.name));
  });

  test("an FSM error names the message that was not expected (RFC 6608 §4)", () => {
    const { actions } = step(STATES[3]!, { type: "update" }, NOW, CONFIG);
    expect(actions[0]).toMatchObject({ type: "notify", error: { code: 5, subcode: 1, data: Uint8Array.of(2) } });
  });
});

describe("timers", () => {
  const established = STATES[5]!;

  test("an early tick is harmless in every state", () => {
    for (const state of STATES) expect(step(state, { type: "tick" }, NOW, CONFIG)).toEqual({ state, actions: [] });
  });

  test("a keepalive comes a third of the hold time later, times the jitter, and not within a second", () => {
    const sent = step(established, { type: "keepalive-timer" }, NOW, { ...CONFIG, jitter: 0.75 });
    expect(nextDeadline(sent.state)).toBe(NOW + 1000); // holdAt of the fixture
    expect((sent.state as { keepaliveAt: number }).keepaliveAt).toBe(NOW + 80_000 * 0.75);
    const fast = {
      ...established,
      session: { ...(established as { session: object }).session, keepaliveTime: 1 },
    } as State;
    const soon = step(fast, { type: "keepalive-timer" }, NOW, { ...CONFIG, jitter: 0.75 });
    expect((soon.state as { keepaliveAt: number }).keepaliveAt).toBe(NOW + 1000);
  });

  test("the hold timer is not jittered", () => {
    const heard = step(established, { type: "update" }, NOW, { ...CONFIG, jitter: 0.75 });
    expect((heard.state as { holdAt: number }).holdAt).toBe(NOW + 240_000);
  });

  test("due deadlines become their events", () => {
    const at = (state: State, now: number): string[] =>
      step(state, { type: "tick" }, now, CONFIG).actions.map((action) => action.type);
    expect(at(STATES[1]!, NOW + 1000)).toEqual(["disconnect", "connect"]);
    expect(at(STATES[2]!, NOW + 1000)).toEqual(["connect"]);
    expect(at(STATES[3]!, NOW + 1000)).toEqual(["notify", "retries"]);
    expect(at(established, NOW + 500)).toEqual(["send"]);
    expect(at(established, NOW + 1000)).toEqual(["notify", "down", "retries"]);
  });

  test("hold time 0 runs no timer", () => {
    const open = step(STATES[3]!, { type: "open", open: { ...PEER_OPEN, holdTime: 0 } }, NOW, CONFIG);
    expect(nextDeadline(open.state)).toBe(Number.POSITIVE_INFINITY);
    const up = step(open.state, { type: "keepalive" }, NOW, CONFIG);
    expect(nextDeadline(up.state)).toBe(Number.POSITIVE_INFINITY);
  });
});

test("total: any run of events ends in a state that makes sense", () => {
  const events: Event[] = [...ROWS.map((row) => row.event), { type: "tick" }];
  const run = fc.array(fc.tuple(fc.nat(events.length - 1), fc.nat(300_000)), { maxLength: 40 });
  fc.assert(
    fc.property(run, fc.constantFrom(undefined, 0, 500), (choices, delayOpenMs) => {
      const config = delayOpenMs === undefined ? CONFIG : { ...CONFIG, delayOpenMs };
      let state: State = { name: "Idle" };
      let now = 0;
      let up = 0;
      for (const [choice, wait] of choices) {
        now += wait;
        const result = step(state, events[choice]!, now, config);
        for (const action of result.actions) up += action.type === "up" ? 1 : action.type === "down" ? -1 : 0;
        state = result.state;
        expect(up).toBe(state.name === "Established" ? 1 : 0); // up and down alternate
        expect(nextDeadline(state)).not.toBeNaN();
      }
    }),
  );
});
