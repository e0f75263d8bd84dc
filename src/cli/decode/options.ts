/** The command line of `linnet decode`. */
import type { Choice } from "../../../protocol/archive/conversation.ts";
import { Filter, FilterError } from "./filter.ts";

export interface DecodeOptions {
  readonly files: readonly string[];
  /** Undefined: by whether standard output is a terminal. */
  readonly json: boolean | undefined;
  readonly hex: boolean;
  readonly as4: Choice;
  readonly addPath: Choice;
  readonly ports: ReadonlySet<number>;
  readonly filter: Filter;
  readonly summary: boolean;
  readonly strict: boolean;
}

export type ParsedOptions =
  | { readonly type: "run"; readonly options: DecodeOptions }
  /** Status 2: wrong usage. */
  | { readonly type: "exit"; readonly status: 0 | 2; readonly text: string };

export async function parseOptions(argv: readonly string[]): Promise<ParsedOptions> {
  // Loaded here, so that other commands do not pay for it.
  const { default: yargs } = await import("yargs");
  let problem: string | undefined;
  const parser = yargs([])
    .scriptName("linnet decode")
    .usage(
      "$0 [options] FILE...\n\nShows the BGP messages in captures (pcap, pcapng) and MRT files, plain, .gz or .bz2.",
    )
    .option("json", { type: "boolean", describe: "JSON lines, also where output is a terminal" })
    .option("hex", { type: "boolean", default: false, describe: "FILE has one message a line, in hex" })
    .option("as4", { choices: CHOICES, default: "auto", requiresArg: true, describe: "AS numbers of four octets" })
    .option("add-path", { choices: CHOICES, default: "auto", requiresArg: true, describe: "prefixes have path ids" })
    .option("port", { type: "number", array: true, requiresArg: true, describe: "TCP port that is BGP [179]" })
    .option("filter", {
      type: "string",
      array: true,
      requiresArg: true,
      describe: "only these: prefix=10.0.0.0/8, as=65001, type=UPDATE, peer=192.0.2.1",
    })
    .option("summary", { type: "boolean", default: false, describe: "counts and a table of sessions" })
    .option("strict", { type: "boolean", default: false, describe: "stop at the first error, with exit status 1" })
    .parserConfiguration({
      "greedy-arrays": false,
      "parse-positional-numbers": false,
      "dot-notation": false,
      "duplicate-arguments-array": true,
    })
    .strictOptions()
    .version(false)
    .help(false)
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      problem = message ?? error?.message ?? "wrong usage";
    });
  if (argv.includes("--help") || argv.includes("-h"))
    return { type: "exit", status: 0, text: `${await parser.getHelp()}\n` };
  const parsed = await parser.parseAsync([...argv]);
  if (problem !== undefined) return usage(problem);
  return settle(parsed as unknown as Raw);
}

/** As yargs gives them. A scalar that was repeated is an array: the last one counts. */
interface Raw {
  readonly _: readonly (string | number)[];
  readonly json?: boolean | readonly boolean[];
  readonly hex: boolean | readonly boolean[];
  readonly as4: string | readonly string[];
  readonly addPath: string | readonly string[];
  readonly port?: readonly number[];
  readonly filter?: readonly string[];
  readonly summary: boolean | readonly boolean[];
  readonly strict: boolean | readonly boolean[];
}

function settle(raw: Raw): ParsedOptions {
  const files = raw._.map(String);
  const hex = last(raw.hex);
  if (files.length === 0 && !hex) return usage("FILE is missing (- is standard input)");
  if (files.filter((file) => file === "-").length > 1) return usage("standard input can be read only once");
  const ports = raw.port ?? [BGP_PORT];
  const bad = ports.find((port) => !Number.isInteger(port) || port < 1 || port > 65_535);
  if (bad !== undefined) return usage(`--port: ${bad} is no port`);
  let filter: Filter;
  try {
    filter = new Filter(raw.filter ?? []);
  } catch (error) {
    if (error instanceof FilterError) return usage(error.message);
    throw error;
  }
  const options: DecodeOptions = {
    files: files.length > 0 ? files : ["-"],
    json: raw.json === undefined ? undefined : last(raw.json),
    hex,
    as4: last(raw.as4) as Choice,
    addPath: last(raw.addPath) as Choice,
    ports: new Set(ports),
    filter,
    summary: last(raw.summary),
    strict: last(raw.strict),
  };
  return { type: "run", options };
}

function last<T>(value: T | readonly T[]): T {
  return Array.isArray(value) ? (value as readonly T[]).at(-1)! : (value as T);
}

function usage(problem: string): ParsedOptions {
  return { type: "exit", status: 2, text: `linnet decode: ${problem}\nTry 'linnet decode --help'.\n` };
}

const CHOICES = ["auto", "yes", "no"] as const;
const BGP_PORT = 179;
