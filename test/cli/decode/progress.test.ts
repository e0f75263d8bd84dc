/** The bar: only for a person, only when it takes long, and gone afterwards. */
import { expect, test } from "vitest";
import { Progress } from "../../../src/cli/decode/progress.ts";

function screen(isTTY: boolean): { isTTY: boolean; columns: number; text: string; write(text: string): void } {
  return {
    isTTY,
    columns: 80,
    text: "",
    write(text: string): void {
      this.text += text;
    },
  };
}

test("appears after a second, at most five times a second, and leaves nothing", () => {
  const tty = screen(true);
  let now = 0;
  let position = 0;
  const bar = new Progress(tty, "big.mrt", { size: 100e6, position: () => position }, true, () => now);
  bar.update();
  expect(tty.text).toBe("");
  [now, position] = [2000, 25e6];
  bar.update();
  expect(tty.text).toContain("big.mrt  [########-------------------------]  25 %  12.5 MB/s  6 s left");
  const shown = tty.text;
  now += 100;
  bar.update();
  expect(tty.text).toBe(shown);
  now += 200;
  bar.update();
  expect(tty.text).not.toBe(shown);
  bar.clear();
  expect(tty.text.endsWith("\r\x1b[K")).toBe(true);
});

test("of a pipe only how much it was", () => {
  const tty = screen(true);
  let now = 0;
  const bar = new Progress(tty, "-", { size: undefined, position: () => 3e6 }, true, () => now);
  now = 1500;
  bar.update();
  expect(tty.text).toContain("-  3.0 MB  2.0 MB/s");
});

test("not where nobody looks, or where the lines are", () => {
  for (const [tty, wanted] of [
    [false, true],
    [true, false],
  ] as const) {
    const target = screen(tty);
    let now = 0;
    const bar = new Progress(target, "x", { size: 1, position: () => 1 }, wanted, () => now);
    now = 5000;
    bar.update();
    bar.clear();
    expect(target.text).toBe("");
  }
});
