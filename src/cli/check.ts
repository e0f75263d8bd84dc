/** `linnet check FILE`: is it right, and if not, where; all errors at once. */
import { networkInterfaces } from "node:os";
import { type IpAddress, parseAddress } from "../../protocol/wire/address.ts";
import { formatErrors, formatMessage, loadConfigFile } from "../config/load.ts";

export interface CheckIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** @returns the exit status: 0 if the file is right, 1 if not, whatever warnings there are */
export async function checkCommand(argv: readonly string[], io: CheckIo): Promise<number> {
  const options = parseArguments(argv);
  if (options === "help") {
    io.stdout.write(HELP);
    return 0;
  }
  if (typeof options === "string") {
    io.stderr.write(`linnet check: ${options}\n${HELP}`);
    return 1;
  }
  const { file, strict, linnetFile } = options;
  const result = loadConfigFile(file, { strict, linnetFile, ownAddresses: ownAddresses(), filters: true });
  if (!result.ok) {
    io.stderr.write(`${formatErrors(result)}\n`);
    return 1;
  }
  for (const warning of result.config.warnings) {
    io.stderr.write(`${formatMessage({ ...warning, text: `warning: ${warning.text}` }, result.sources, "")}\n`);
  }
  return 0;
}

interface CheckOptions {
  readonly file: string;
  readonly strict: boolean;
  readonly linnetFile: string | undefined;
}

/** @returns what is wrong, as a string */
function parseArguments(argv: readonly string[]): CheckOptions | string {
  let [file, strict, linnetFile]: [string | undefined, boolean, string | undefined] = [undefined, false, undefined];
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i] as string;
    if (arg === "-h" || arg === "--help") return "help";
    if (arg === "--strict") strict = true;
    else if (arg === "--linnet" || arg === "-c") {
      const value = argv[++i];
      if (value === undefined) return `option ${arg} wants a file`;
      if (arg === "-c") file = value;
      else linnetFile = value;
    } else if (arg.startsWith("-") && arg !== "-") return `unknown option ${arg}`;
    else if (file !== undefined) return "only one file at a time";
    else file = arg;
  }
  return { file: file ?? DEFAULT_FILE, strict, linnetFile };
}

function ownAddresses(): IpAddress[] {
  const texts = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return texts.map(({ address }) => parseAddress(address)).filter((ip) => ip !== undefined);
}

const DEFAULT_FILE = "/etc/bird/bird.conf";

const HELP = `Usage: linnet check [--strict] [--linnet FILE] [FILE]

Reads a configuration and says what is wrong with it. Exit status 0 if nothing is, 1 otherwise; warnings
do not count. FILE is ${DEFAULT_FILE} if left out.

  --strict        refuse protocols that are only read past (ospf, rip, babel, ...)
  --linnet FILE   linnet's own settings; left out: linnet.conf beside FILE, if it is there
`;
