/** The ring of events: bounded, in order, and not washed away by a flood. */
import { describe, expect, test } from "vitest";
import { Timeline, type TimelineEvent } from "../../src/observe/timeline.ts";

class TestClock {
  ms = 1000;
  now = (): number => this.ms;
  wall = (): number => 1_700_000_000_000 + this.ms;
}

describe("timeline", () => {
  test("keeps events with both clocks, oldest first", () => {
    const clock = new TestClock();
    const timeline = new Timeline(clock);
    timeline.add("link", "eth0", "down");
    clock.ms = 1002.5;
    timeline.add("session", "bgp1", "Established -> Idle");
    expect(timeline.last(10)).toEqual([
      { number: 1, at: 1000, wall: 1_700_000_001_000, kind: "link", subject: "eth0", text: "down" },
      {
        number: 2,
        at: 1002.5,
        wall: 1_700_000_001_002.5,
        kind: "session",
        subject: "bgp1",
        text: "Established -> Idle",
      },
    ]);
    expect(texts(timeline.last(1))).toEqual(["Established -> Idle"]);
    expect(texts(timeline.last(10, (event) => event.subject === "eth0"))).toEqual(["down"]);
  });

  test("forgets the oldest of a kind, and of no other", () => {
    const clock = new TestClock();
    const timeline = new Timeline(clock, 3);
    timeline.add("session", "bgp1", "the one that matters");
    for (let i = 0; i < 10; i++) timeline.add("decision", "master4", String(i));
    expect(texts(timeline.last(100))).toEqual(["the one that matters", "7", "8", "9"]);
  });

  test("counts what comes too fast, and says so when it can", () => {
    const clock = new TestClock();
    const timeline = new Timeline(clock, 10_000);
    for (let i = 0; i < 1000; i++) timeline.add("decision", "master4", String(i));
    expect(timeline.last(10_000)).toHaveLength(200);
    expect(timeline.wants("decision")).toBe(false);
    expect(timeline.wants("link")).toBe(true);
    clock.ms += 1000;
    timeline.add("decision", "master4", "later");
    expect(texts(timeline.last(2))).toEqual(["801 more were not kept", "later"]);
  });

  test("tells listeners until they have heard enough", () => {
    const timeline = new Timeline(new TestClock());
    const heard: TimelineEvent[] = [];
    const listener = timeline.onEvent((event) => heard.push(event));
    timeline.add("note", "x", "one");
    listener.close();
    timeline.add("note", "x", "two");
    expect(texts(heard)).toEqual(["one"]);
  });

  test("a long text is cut", () => {
    const timeline = new Timeline(new TestClock());
    timeline.add("note", "x", "y".repeat(10_000));
    expect(timeline.last(1)[0]?.text).toHaveLength(240);
  });
});

function texts(events: readonly TimelineEvent[]): string[] {
  return events.map((event) => event.text);
}
