/**
 * The rooms of the tree: imports point down, never in a circle, and the core is pure. ARCHITECTURE.md says
 * why; this says that it is so.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "..");

/** What a room may import besides itself. The longest prefix that fits a file is its room. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  "protocol/wire": [],
  "protocol/codec": ["protocol/wire"],
  "protocol/fsm": ["protocol/codec", "protocol/wire"],
  "protocol/rib": ["protocol/codec", "protocol/wire", "protocol/fsm (types)", "protocol/policy (types)"],
  "protocol/policy": ["protocol/rib", "protocol/codec", "protocol/wire"],
  "protocol/archive": ["protocol/codec", "protocol/wire"],
  protocol: ["protocol/wire", "protocol/codec", "protocol/fsm", "protocol/rib", "protocol/policy", "protocol/archive"],
  fib: ["protocol/wire"],
  "src/transport": ["protocol", "fib/koffi.ts", "src/host.ts (types)"],
  "src/log": ["fib/koffi.ts", "src/host.ts (types)", "src/config/schema.ts (types)"],
  "src/config": ["protocol"],
  "src/protocols": [
    "protocol",
    "fib",
    "src/transport",
    "src/config",
    "src/log/time-format.ts",
    "src/errno.ts",
    "src/host.ts",
  ],
  "src/observe": ["protocol", "fib", "src/protocols", "src/config", "src/host.ts", "src/speaker.ts"],
  "src/control": [
    "protocol",
    "fib",
    "src/log",
    "src/protocols",
    "src/config",
    "src/observe",
    "src/host.ts",
    "src/speaker.ts",
    "src/daemon.ts",
    "src/errno.ts",
  ],
  "src/testing": [
    "protocol",
    "fib",
    "src/transport",
    "src/config",
    "src/protocols",
    "src/host.ts",
    "src/speaker.ts",
    "src/index.ts",
  ],
  "src/cli": ["protocol", "fib", "src"],
  "src/demo": ["protocol", "src/cli", "src/control", "src/host.ts"],
  src: ["protocol", "fib", "src"],
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = ["protocol", "fib", "src"].flatMap((top) =>
  readdirSync(join(ROOT, top), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => posix.join(top, file)),
);
const sources = new Map(files.map((file) => [file, readFileSync(join(ROOT, file), "utf8")]));
const imports = files.flatMap((file) => importsOf(file, sources.get(file)!));

describe("imports", () => {
  test("are found at all", () => expect(imports.length).toBeGreaterThan(100));

  test("point down the tree", () => {
    expect(imports.filter((found) => !isAllowed(found)).map(describeImport)).toEqual([]);
  });

  test("name files that exist, with their endings", () => {
    const inside = imports.filter(({ to }) => isInside(to));
    expect(inside.filter(({ to }) => !sources.has(to)).map(describeImport)).toEqual([]);
  });

  test("make no circle", () => expect(circles()).toEqual([]));

  test("of packages are those that package.json lists, and none in protocol/", () => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const packages = imports.filter(({ to }) => !isInside(to) && !to.startsWith("node:"));
    const known = new Set(Object.keys(dependencies));
    expect(packages.filter(({ to }) => !known.has(packageName(to))).map(describeImport)).toEqual([]);
    expect(packages.filter(({ from }) => from.startsWith("protocol/")).map(describeImport)).toEqual([]);
  });
});

describe("protocol/ is pure", () => {
  test.each([
    ["imports nothing of Node", /from "node:|require\(/],
    ["asks no clock", /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bhrtime\b/],
    ["throws no dice", /\bMath\.random\b|\bcrypto\b\./],
    ["sets no timer", /\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/],
    ["knows no process and no Buffer", /\bprocess\.|\bBuffer\b\.|\bconsole\./],
    ["makes no code of text", /\bnew Function\(|\beval\(/],
  ])("%s", (_, forbidden) => {
    const guilty = files.filter((file) => file.startsWith("protocol/") && forbidden.test(code(sources.get(file)!)));
    expect(guilty).toEqual([]);
  });
});

describe("files", () => {
  test("begin with what they are for", () => {
    expect(files.filter((file) => !/^(?:#!.*\n)?\/\*\*/.test(sources.get(file)!))).toEqual([]);
  });

  test("have no default export", () => {
    expect(files.filter((file) => /^export default\b/m.test(sources.get(file)!))).toEqual([]);
  });

  test("leave nothing for later", () => {
    expect(files.filter((file) => /\b(?:TODO|FIXME|XXX|HACK)\b/.test(sources.get(file)!))).toEqual([]);
  });
});

/** Imports and re-exports; `typeof import("x")` and `import type` count as types. */
function importsOf(file: string, text: string): Import[] {
  const found: Import[] = [];
  const statement = /^(?:import|export)\s+(type\s+)?([^"';]*?from\s+)?"([^"]+)";/gm;
  for (const [, type, , to] of text.matchAll(statement)) found.push(resolved(file, to!, type !== undefined));
  for (const [, to] of text.matchAll(/(?<!typeof )\bimport\("([^"]+)"\)/g)) found.push(resolved(file, to!, false));
  return found;
}

function resolved(from: string, to: string, typeOnly: boolean): Import {
  const path = to.startsWith(".") ? relative(ROOT, resolve(ROOT, dirname(from), to)) : to;
  return { from, to: path, typeOnly };
}

function isInside(path: string): boolean {
  return /^(?:protocol|fib|src)\//.test(path);
}

function isAllowed({ from, to, typeOnly }: Import): boolean {
  if (!isInside(to)) return true;
  const room = roomOf(from);
  if (roomOf(to) === room && room !== "src") return true;
  return ROOMS[room]!.some((allowed) => {
    const [path, only] = allowed.split(" ");
    return (to === path || to.startsWith(`${path}/`)) && (only === undefined || typeOnly);
  });
}

function roomOf(file: string): string {
  const rooms = Object.keys(ROOMS).filter((room) => file.startsWith(`${room}/`));
  return rooms.sort((a, b) => b.length - a.length)[0]!;
}

/** Circles of imports that exist at run time; types may know each other. */
function circles(): string[] {
  const next = new Map<string, string[]>();
  for (const { from, to, typeOnly } of imports) {
    if (!typeOnly && sources.has(to)) next.set(from, [...(next.get(from) ?? []), to]);
  }
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: string[]): void => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file].join(" -> "));
      return;
    }
    if (done.has(file)) return;
    for (const to of next.get(file) ?? []) walk(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) walk(file, []);
  return found;
}

/** Without comments and strings: those may speak of anything. */
function code(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/\/\/.*$/gm, "")
    .replace(/(["'`])(?:\\.|(?!\1)[^\\])*\1/g, (whole) => (whole.includes("node:") ? whole : '""'));
}

function packageName(path: string): string {
  return path
    .split("/")
    .slice(0, path.startsWith("@") ? 2 : 1)
    .join("/");
}

function describeImport({ from, to }: Import): string {
  return `${from} imports ${to}`;
}
