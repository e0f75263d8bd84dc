/** Peers by transcript: collisions, waits, graceful restart. `-u` writes the right-hand sides anew: review them. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { replay } from "./transcript.ts";

const directory = fileURLToPath(new URL("../../fixtures/fsm/", import.meta.url));
const files = readdirSync(directory).filter((name) => name.startsWith("peer-"));

describe("transcripts", () => {
  test("are there", () => expect(files.length).toBeGreaterThan(5));
  test.each(files)("%s", async (name) => {
    await expect(replay(readFileSync(`${directory}${name}`, "utf8"))).toMatchFileSnapshot(`${directory}${name}`);
  });
});
