/** Three daemons on loopback addresses, from the files in examples/ha: started, killed, asked, cleaned up. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DemoClient } from "./client.ts";

export const ROLES = ["endpoint", "primary", "standby"] as const;
export type Role = (typeof ROLES)[number];

/** What the endpoint sees of a router, and how it is called there. */
export interface LabState {
  /** By role: whether the process runs. */
  readonly running: Readonly<Record<Role, boolean>>;
  /** As the endpoint's `show protocols` says. */
  readonly sessions: Readonly<Record<"primary" | "standby", string>>;
  /** Lines of the endpoint's `show route`, without its default route. */
  readonly routes: readonly string[];
  /** Whose route the endpoint uses. */
  readonly best: "primary" | "standby" | undefined;
}

export class Lab {
  readonly root: string = findRoot();
  readonly #directory = mkdtempSync(join(tmpdir(), "linnet-demo-"));
  readonly #children = new Map<Role, ChildProcess>();
  readonly #said = new Map<Role, string>();
  #endpoint: DemoClient | undefined;

  start(role: Role): void {
    const args = ["-f", "-c", this.configFile(role), "-s", this.socket(role)];
    const child = spawn(process.execPath, [join(this.root, "dist/bin/linnet.js"), ...args], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#said.set(role, "");
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#said.set(role, ((this.#said.get(role) ?? "") + text).slice(-MOST_SAID));
    });
    child.once("exit", () => this.#children.delete(role));
    this.#children.set(role, child);
  }

  configFile(role: Role): string {
    return join(this.root, "examples/ha", `${role}.conf`);
  }

  socket(role: Role): string {
    return join(this.#directory, `${role}.ctl`);
  }

  /** What a daemon wrote to standard error: the reason, where one did not stay. */
  said(role: Role): string {
    return this.#said.get(role) ?? "";
  }

  isRunning(role: Role): boolean {
    return this.#children.has(role);
  }

  /** As a crash or a power cut would: no farewell. */
  kill(role: Role): Promise<void> {
    return this.#end(role, "SIGKILL");
  }

  async look(): Promise<LabState> {
    this.#endpoint ??= await DemoClient.open(this.socket("endpoint"));
    const protocols = await this.#endpoint?.ask("show protocols");
    const table = await this.#endpoint?.ask("show route");
    if (!table) this.#endpoint = undefined;
    const routes = routesOf(table ?? []);
    const best = routes.find((line) => line.includes("*"));
    return {
      running: {
        endpoint: this.isRunning("endpoint"),
        primary: this.isRunning("primary"),
        standby: this.isRunning("standby"),
      },
      sessions: {
        primary: session(protocols, SESSION_NAMES.primary),
        standby: session(protocols, SESSION_NAMES.standby),
      },
      routes,
      best: best === undefined ? undefined : best.includes(SESSION_NAMES.primary) ? "primary" : "standby",
    };
  }

  async close(): Promise<void> {
    this.#endpoint?.close();
    await Promise.all(ROLES.map((role) => this.#end(role, "SIGTERM")));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** At once, for the way out of the process. */
  abandon(): void {
    for (const child of this.#children.values()) child.kill("SIGTERM");
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #end(role: Role, signal: NodeJS.Signals): Promise<void> {
    const child = this.#children.get(role);
    if (!child) return Promise.resolve();
    return new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.kill(signal);
    });
  }
}

/** The tailnet's prefix and the paths to it; what stands before it in the table is the endpoint's own. */
function routesOf(table: readonly string[]): string[] {
  const first = table.findIndex((line) => line.startsWith("100.64.0.0/10"));
  if (first < 0) return [];
  const behind = table.findIndex((line, at) => at > first && /^\d+\.\d+\.\d+\.\d+\/\d+ /.test(line));
  return table.slice(first, behind < 0 ? undefined : behind).filter((line) => line.includes("["));
}

function session(protocols: readonly string[] | undefined, name: string): string {
  const line = protocols?.find((candidate) => candidate.startsWith(`${name} `));
  if (!line) return "-";
  const [, , , , , ...info] = line.trim().split(/\s+/);
  return info.join(" ") || "-";
}

function findRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const file = join(directory, "package.json");
    if (existsSync(file) && JSON.parse(readFileSync(file, "utf8")).name === "linnet") return directory;
    const above = dirname(directory);
    if (above === directory) throw new Error("the package's files are not where they were");
    directory = above;
  }
}

/** How the endpoint's configuration calls its sessions. */
const SESSION_NAMES = { primary: "router_a", standby: "router_b" } as const;
const MOST_SAID = 4096;
