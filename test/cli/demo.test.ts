/** `npm start -- --once`: needs nothing but the build, and tells the truth with its exit status. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const LINNET = resolve(ROOT, "dist/bin/linnet.js");
const isBuilt = existsSync(LINNET);
if (!isBuilt) console.log("demo.test.ts skips: dist/ is missing (npm run build)");

describe.skipIf(!isBuilt)("npm start", { timeout: 90_000 }, () => {
  test("is the command that runs here", () => {
    const { scripts } = JSON.parse(readFileSync(resolve(ROOT, "package.json"), "utf8"));
    expect(scripts.start).toBe("node dist/bin/linnet.js start");
  });

  test("fails over and returns, as user nobody where we are root", () => {
    const isRoot = process.getuid?.() === 0;
    const { status, stdout } = spawnSync(process.execPath, [LINNET, "start", "--once"], {
      encoding: "utf8",
      cwd: "/",
      ...(isRoot ? { uid: 65534, gid: 65534 } : {}),
    });
    expect(stdout).toMatch(/kill -9 of the primary\n.*uses the standby's route: \d+ ms after the kill\n/);
    expect(stdout).toMatch(/Fail-over in \d+ ms, return in \d+ ms\.\n$/);
    expect(status).toBe(0);
  });

  test("says what is in its way, with status 1", async () => {
    const squatters = ["127.0.0.10", "127.0.0.11", "127.0.0.12"].map((address) => {
      const server = createServer((socket) => socket.destroy());
      return new Promise<Server>((done) => server.listen(17900, address, () => done(server)));
    });
    const child = spawn(process.execPath, [LINNET, "start", "--once"], { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const status = await new Promise((done) => child.once("close", done));
    for (const server of squatters) (await server).close();
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining("Address already in use") });
  });
});
