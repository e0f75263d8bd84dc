/**
 * The commands as the client knows them: for expanding abbreviations, for help, for completion. The
 * daemon's own table (src/control/commands.ts) has the last word; a test keeps the two together.
 */
export interface CommandHelp {
  readonly words: string;
  /** What may follow. */
  readonly args?: string;
  readonly help: string;
  /** Words to complete behind it. */
  readonly options?: readonly string[];
  /** Kinds of names to complete behind it. */
  readonly names?: readonly ("protocol" | "table")[];
}

const WHICH = '(<protocol> | "<pattern>" | all)';
const SWITCHES = ["all"] as const;

export const COMMAND_HELP: readonly CommandHelp[] = [
  { words: "quit", help: "Leave the client" },
  { words: "exit", help: "Leave the client" },
  { words: "help", args: "[<command>]", help: "List commands, or say how one is used" },
  { words: "watch", args: "[<seconds>]", help: "Sessions on the whole screen, live" },
  {
    words: "why",
    args: "(<prefix> | <ip>) [peer <protocol>]",
    help: "Explain where a prefix is from and who got it",
    options: ["peer"],
    names: ["protocol"],
  },
  { words: "show status", help: "Router, its clock, its phase" },
  { words: "show memory", help: "Memory in use" },
  { words: "show protocols", args: '[<protocol> | "<pattern>"]', help: "Protocols, a line each", names: ["protocol"] },
  {
    words: "show protocols all",
    args: '[<protocol> | "<pattern>"]',
    help: "Protocols in detail: sessions, filters, counters",
    names: ["protocol"],
  },
  { words: "show interfaces", help: "Interfaces and their addresses" },
  { words: "show interfaces summary", help: "Interfaces, a line each" },
  {
    words: "show route",
    args: "[<prefix> | for <prefix|ip> | in <prefix>] [table <t>|all] [(import|export) table <p>.<c>] [filter <f> | where <cond>] [all] [primary] [filtered] [(export|preexport|noexport) <p>] [protocol <p>] [stats|count]",
    help: "Routes",
    options: [
      "for",
      "in",
      "table",
      "import",
      "export",
      "preexport",
      "noexport",
      "filter",
      "where",
      "all",
      "primary",
      "filtered",
      "protocol",
      "stats",
      "count",
    ],
    names: ["protocol", "table"],
  },
  { words: "show static", args: "[<protocol>]", help: "Static routes and which are dormant", names: ["protocol"] },
  {
    words: "show symbols",
    args: "[table|filter|function|protocol|template|<name>]",
    help: "Names that the configuration defines",
    options: ["table", "filter", "function", "protocol", "template"],
  },
  {
    words: "show bfd sessions",
    args: "[all] [<protocol>]",
    help: "BFD sessions",
    options: ["all"],
    names: ["protocol"],
  },
  {
    words: "show events",
    args: "[for <name>] [last <n>]",
    help: "What happened last, with times",
    options: ["for", "last"],
    names: ["protocol"],
  },
  ...(["interface", "neighbors", "topology", "state", "lsadb"] as const).map((what) => ({
    words: `show ospf ${what}`,
    args: "[<protocol>]",
    help: "Nothing: linnet does not run OSPF",
  })),
  ...(["interfaces", "neighbors"] as const).map((what) => ({
    words: `show rip ${what}`,
    args: "[<protocol>]",
    help: "Nothing: linnet does not run RIP",
  })),
  ...(["interfaces", "neighbors", "entries", "routes"] as const).map((what) => ({
    words: `show babel ${what}`,
    args: "[<protocol>]",
    help: "Nothing: linnet does not run Babel",
  })),
  {
    words: "enable",
    args: `${WHICH} ["message"]`,
    help: "Start protocols that are switched off",
    options: SWITCHES,
    names: ["protocol"],
  },
  {
    words: "disable",
    args: `${WHICH} ["message"]`,
    help: "Stop protocols; BGP tells the peer the message",
    options: SWITCHES,
    names: ["protocol"],
  },
  {
    words: "restart",
    args: `${WHICH} ["message"]`,
    help: "Stop and start protocols",
    options: SWITCHES,
    names: ["protocol"],
  },
  {
    words: "reload",
    args: `[in|out] ${WHICH}`,
    help: "Run filters over all routes again",
    options: ["in", "out", "all"],
    names: ["protocol"],
  },
  {
    words: "configure",
    args: '["<file>"] [timeout [<seconds>]]',
    help: "Read the configuration again",
    options: ["timeout"],
  },
  {
    words: "configure soft",
    args: '["<file>"] [timeout [<seconds>]]',
    help: "As configure, but routes already there keep the verdict of the old filters",
    options: ["timeout"],
  },
  { words: "configure check", args: '["<file>"]', help: "Look for errors in the configuration, change nothing" },
  { words: "configure confirm", help: "Keep a configuration that was loaded with a timeout" },
  { words: "configure undo", help: "Back to the configuration before the last one" },
  { words: "configure status", help: "Whether a configuration is still being applied" },
  {
    words: "debug",
    args: `(<protocol> | <protocol>.<channel> | "<pattern>" | all) (all | off | { states|routes|filters|interfaces|events|packets, ... })`,
    help: "What protocols write to the log",
    options: ["all", "off"],
    names: ["protocol"],
  },
  {
    words: "mrtdump",
    args: `${WHICH} (all | off | { states|messages, ... })`,
    help: "What protocols write to the MRT file",
    options: ["all", "off"],
    names: ["protocol"],
  },
  {
    words: "mrt dump",
    args: 'table (<t> | "<pattern>") to "<file>" [filter <f> | where <cond>]',
    help: "Write a table as MRT",
    options: ["table", "to", "filter", "where"],
    names: ["table"],
  },
  ...(
    [
      "resources",
      "sockets",
      "events",
      "interfaces",
      "neighbors",
      "attributes",
      "routes",
      "protocols",
      "filter all",
    ] as const
  ).map((what) => ({
    words: `dump ${what}`,
    help: "Write state to the daemon's debug output",
  })),
  {
    words: "echo",
    args: "(all | off | { debug|trace|info|remote|warning|error|auth, ... }) [<size>]",
    help: "Show the daemon's log here",
    options: ["all", "off"],
  },
  { words: "eval", args: "<expression>", help: "Value of an expression of the filter language" },
  { words: "restrict", help: "From here on only commands that change nothing" },
  { words: "graceful restart", help: "Stop without telling peers, so that they keep the routes" },
  {
    words: "graceful shutdown",
    args: `${WHICH} [off]`,
    help: "Drain: peers are asked to prefer others (RFC 8326)",
    options: ["all", "off"],
    names: ["protocol"],
  },
  { words: "down", help: "Stop the daemon" },
];

/** A word of a command, and what can follow. */
interface Node {
  readonly children: Map<string, Node>;
  entry: CommandHelp | undefined;
}

export type Expansion =
  | { readonly type: "line"; readonly line: string; readonly entry: CommandHelp | undefined }
  | { readonly type: "refused"; readonly text: string };

/** Abbreviated words become whole ones; what follows the command stays as it was typed. */
export function expand(line: string): Expansion {
  let node = ROOT;
  const done: string[] = [];
  for (const { 0: word, index } of line.matchAll(/\S+/g)) {
    const found = matching(node, word);
    if (found.length === 1) {
      const [name, child] = found[0] as [string, Node];
      done.push(name);
      node = child;
      continue;
    }
    if (node.entry) return { type: "line", line: [...done, line.slice(index).trimEnd()].join(" "), entry: node.entry };
    if (found.length > 1) return { type: "refused", text: ambiguous(node, word) };
    return { type: "refused", text: "No such command. Press `?' for help.\n" };
  }
  // A command that is not whole goes to the daemon: it says what is missing.
  return { type: "line", line: done.join(" "), entry: node.entry };
}

/** What can be said behind these words, a line each. */
export function helpText(words: readonly string[]): string {
  let node = ROOT;
  const done: string[] = [];
  for (const word of words) {
    const found = matching(node, word);
    const [first, second] = found;
    if (second) return found.flatMap(([name, child]) => rowsOf(child, [...done, name])).join("");
    if (!first) return node.entry ? rowsOf(node, done).join("") : "No such command. Press `?' for help.\n";
    done.push(first[0]);
    node = first[1];
  }
  return rowsOf(node, done).join("");
}

/** Completions of the last word of a line, and that word. */
export function complete(line: string, names: (kind: "protocol" | "table") => readonly string[]): [string[], string] {
  const words = split(line);
  const last = /\s$/.test(line) || line === "" ? "" : (words.pop() ?? "");
  let node = ROOT;
  for (const word of words) {
    const found = matching(node, word);
    if (found.length !== 1) break;
    node = (found[0] as [string, Node])[1];
  }
  const { entry } = node;
  const candidates = [
    ...node.children.keys(),
    ...(entry?.options ?? []),
    ...(entry?.names ?? []).flatMap((kind) => names(kind)),
  ];
  const fitting = [...new Set(candidates)].filter((candidate) => candidate.startsWith(last));
  return [fitting.map((candidate) => `${candidate} `), last];
}

/** The child of exactly that name, or those that it abbreviates. */
function matching(node: Node, word: string): [string, Node][] {
  const exact = node.children.get(word);
  if (exact) return [[word, exact]];
  return [...node.children].filter(([name]) => name.startsWith(word));
}

function ambiguous(node: Node, word: string): string {
  const rows = matching(node, word).flatMap(([name, child]) => rowsOf(child, [...pathOf(node), name], true));
  return `Ambiguous command, possible expansions are:\n${rows.join("")}`;
}

/** One row a command below a node; whole families as `show ...` where only the next word is asked for. */
function rowsOf(node: Node, path: readonly string[], brief = false): string[] {
  const own = node.entry ? [row([...path, node.entry.args ?? ""].join(" ").trim(), node.entry.help)] : [];
  if (brief && node.children.size > 0 && !node.entry) return [row(`${path.join(" ")} ...`, "")];
  const below = [...node.children].flatMap(([name, child]) =>
    rowsOf(child, [...path, name], path.length === 0 || brief),
  );
  return [...own, ...below];
}

/** In two columns; what is too long for the first has the second below it. */
function row(command: string, help: string): string {
  if (help === "") return `${command}\n`;
  return command.length < COLUMN
    ? `${command.padEnd(COLUMN)} ${help}\n`
    : `${command}\n${" ".repeat(COLUMN)} ${help}\n`;
}

function pathOf(node: Node): string[] {
  return PATHS.get(node) ?? [];
}

/** Words; what is in quotes or braces stays as typed, for the daemon to judge. */
function split(line: string): string[] {
  return line.split(/\s+/).filter((word) => word !== "");
}

const COLUMN = 46;
const PATHS = new Map<Node, string[]>();
const ROOT = build();

function build(): Node {
  const root: Node = { children: new Map(), entry: undefined };
  PATHS.set(root, []);
  for (const entry of COMMAND_HELP) {
    let node = root;
    const path: string[] = [];
    for (const word of entry.words.split(" ")) {
      path.push(word);
      const child = node.children.get(word) ?? { children: new Map<string, Node>(), entry: undefined };
      node.children.set(word, child);
      PATHS.set(child, [...path]);
      node = child;
    }
    node.entry = entry;
  }
  return root;
}
