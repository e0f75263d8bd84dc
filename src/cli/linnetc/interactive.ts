/** A session at a terminal: prompt, history, completion, `?`, pages. From a pipe: a command a line. */
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { ControlClient } from "./client.ts";
import type { CtlFlags } from "./flags.ts";
import { ConnectError } from "./hints.ts";
import { Pager } from "./pager.ts";
import { complete, expand, helpText } from "./syntax.ts";

/** @returns the exit status */
export async function interact(client: ControlClient, flags: CtlFlags): Promise<number> {
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const names = new Names(client);
  if (isTerminal) await names.refresh();
  const rl = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: isTerminal,
    prompt: PROMPT,
    history: isTerminal ? loadHistory() : [],
    historySize: HISTORY_SIZE,
    removeHistoryDuplicates: true,
    completer: (line: string) => complete(line, (kind) => names.of(kind)),
  });
  client.onNotice = (text) => aside(rl, isTerminal, text);
  if (isTerminal) helpOnQuestionMark(rl);
  const status = await commands(client, flags, rl, isTerminal, names);
  rl.close();
  return status;
}

async function commands(
  client: ControlClient,
  flags: CtlFlags,
  rl: Interface,
  isTerminal: boolean,
  names: Names,
): Promise<number> {
  let status = 0;
  if (isTerminal) rl.on("history", saveHistory);
  const prompt = (): void => {
    if (isTerminal) rl.prompt();
  };
  prompt();
  for await (const line of rl) {
    const words = line.trim();
    if (words === "quit" || words === "exit") break;
    if (words === "") {
      prompt();
      continue;
    }
    status = await one(client, flags, rl, isTerminal, words);
    if (status < 0) break; // the daemon is gone
    if (/^(configure|enable|disable)/.test(words) && isTerminal) await names.refresh();
    prompt();
  }
  return Math.max(status, 0);
}

/** @returns the status so far; negative: there will be no other command */
async function one(
  client: ControlClient,
  flags: CtlFlags,
  rl: Interface,
  isTerminal: boolean,
  words: string,
): Promise<number> {
  if (/^(help|\?)(\s|$)/.test(words) || words.endsWith("?")) {
    const asked = words.replace(/^(help|\?)/, "").replace(/\?$/, "");
    process.stdout.write(helpText(asked.split(/\s+/).filter(Boolean)));
    return 0;
  }
  const expansion = expand(words);
  if (expansion.type === "refused") {
    process.stdout.write(expansion.text);
    return 1;
  }
  const pager = new Pager(rl, isTerminal);
  try {
    const command = flags.json ? `json ${expansion.line}` : expansion.line;
    const code = await client.request(command, (text) => pager.line(text), { verbose: flags.verbose });
    await pager.end();
    return code >= FIRST_ERROR ? 1 : 0;
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    process.stdout.write("Connection closed by server.\n");
    return expansion.line === "down" || expansion.line.startsWith("graceful") ? -1 : Number.NEGATIVE_INFINITY;
  }
}

/** Names of protocols and tables, for completion. */
class Names {
  readonly #client: ControlClient;
  readonly #known = { protocol: [] as string[], table: [] as string[] };

  constructor(client: ControlClient) {
    this.#client = client;
  }

  of(kind: "protocol" | "table"): readonly string[] {
    return this.#known[kind];
  }

  async refresh(): Promise<void> {
    for (const kind of ["protocol", "table"] as const) {
      const { code, text } = await this.#client.collect(`show symbols ${kind}`);
      if (code >= FIRST_ERROR) continue;
      this.#known[kind] = text
        .split("\n")
        .map((row) => row.split("\t")[0]?.trim() ?? "")
        .filter(Boolean);
    }
  }
}

/** A log line of `echo` stands above the line that is being typed. */
function aside(rl: Interface, isTerminal: boolean, text: string): void {
  if (isTerminal) process.stdout.write("\r\x1b[K");
  process.stdout.write(`${text}\n`);
  if (isTerminal) rl.prompt(true);
}

/** `?` helps at once, as in birdc, unless it stands in quotes. */
function helpOnQuestionMark(rl: Interface): void {
  process.stdin.on("keypress", (text: string | undefined) => {
    if (text !== "?" || (rl.line.split('"').length - 1) % 2 === 1) return;
    const before = rl.line.slice(0, rl.cursor - 1);
    rl.write(null, { name: "backspace" });
    process.stdout.write(`?\n${helpText(before.split(/\s+/).filter(Boolean))}`);
    rl.prompt(true);
  });
}

function historyFile(): string {
  return join(homedir(), ".linnetc_history");
}

/** Newest first, as readline wants it. */
function loadHistory(): string[] {
  try {
    return readFileSync(historyFile(), "utf8").split("\n").filter(Boolean).slice(0, HISTORY_SIZE);
  } catch {
    return []; // none yet
  }
}

function saveHistory(history: string[]): void {
  try {
    writeFileSync(historyFile(), `${history.join("\n")}\n`, { mode: 0o600 });
    chmodSync(historyFile(), 0o600);
  } catch {
    // A home that cannot be written has no history: nothing to trouble the user with at every line.
  }
}

const PROMPT = "bird> ";
const HISTORY_SIZE = 500;
const FIRST_ERROR = 8000;
