/**
 * Runs the commands of hooks: no shell, facts in the environment, a time limit, one at a time for each key
 * with the latest state winning, failures tried again with back-off. What it does is told to the log.
 */
import { spawn } from "node:child_process";
import type { Host, Timer } from "./host.ts";

export interface HookCommand {
  readonly name: string;
  /** Program and arguments, as they are. */
  readonly argv: readonly string[];
  readonly timeoutMs: number;
  /** How often a failed command is tried again. */
  readonly retries: number;
}

/** Environment variables beside those of the daemon. */
export type Facts = Readonly<Record<string, string>>;

export interface Program {
  /** Ends the program and what it started. */
  kill(signal: "SIGTERM" | "SIGKILL"): void;
  readonly ended: Promise<Ending>;
}

export interface Ending {
  /** undefined: it exited 0. Else why it counts as failed: `exit code 2`, `killed by SIGTERM`, `spawn ENOENT`. */
  readonly failure?: string;
  /** The end of what it printed. */
  readonly output: string;
}

export type StartProgram = (argv: readonly string[], facts: Facts) => Program;

interface Job {
  readonly hook: HookCommand;
  readonly key: string;
  /** What the command is to be told next. */
  pending: Facts | undefined;
  running: Facts | undefined;
  /** Failures in a row with the same facts. */
  failures: number;
  retry: Timer | undefined;
  waiting: boolean;
}

export class HookRunner {
  readonly #host: Host;
  readonly #start: StartProgram;
  readonly #jobs = new Map<string, Job>();
  /** Jobs with something pending, while too many run. */
  #ready: Job[] = [];
  #active = 0;
  #closed = false;
  #overflowed = false;

  constructor(host: Host, start: StartProgram = startProgram) {
    this.#host = host;
    this.#start = start;
  }

  /** Runs the hook with these facts, or tells them to the run after the one under way for the same key. */
  submit(hook: HookCommand, key: string, facts: Facts): void {
    if (this.#closed) return;
    const name = `${hook.name}\0${key}`;
    let job = this.#jobs.get(name);
    if (!job) {
      if (this.#jobs.size >= MAX_JOBS) {
        this.#overflow(hook, key);
        return;
      }
      job = { hook, key, pending: undefined, running: undefined, failures: 0, retry: undefined, waiting: false };
      this.#jobs.set(name, job);
    }
    job.pending = facts;
    job.failures = 0;
    job.retry?.cancel();
    job.retry = undefined;
    this.#next(job);
  }

  /** Starts nothing more; what runs may come to its end without us. */
  close(): void {
    this.#closed = true;
    for (const job of this.#jobs.values()) job.retry?.cancel();
    this.#jobs.clear();
    this.#ready = [];
  }

  #next(job: Job): void {
    if (job.running || !job.pending || job.waiting) return;
    if (this.#active >= MAX_ACTIVE) {
      job.waiting = true;
      this.#ready.push(job);
      return;
    }
    const facts = job.pending;
    job.pending = undefined;
    job.running = facts;
    this.#active++;
    this.#run(job, facts).catch((error: unknown) => this.#host.log("bug", `Hook ${job.hook.name}: ${String(error)}`));
  }

  async #run(job: Job, facts: Facts): Promise<void> {
    const { clock } = this.#host;
    const started = clock.now();
    const program = this.#start(job.hook.argv, facts);
    let late = false;
    let killer: Timer | undefined;
    const limit = clock.at(started + job.hook.timeoutMs, () => {
      late = true;
      program.kill("SIGTERM");
      killer = clock.at(clock.now() + KILL_AFTER_MS, () => program.kill("SIGKILL"));
    });
    const { failure, output } = await program.ended;
    limit.cancel();
    killer?.cancel();
    this.#active--;
    job.running = undefined;
    const ms = Math.round(clock.now() - started);
    if (!this.#closed) {
      if (failure === undefined) this.#done(job, facts, ms, output);
      else this.#failed(job, facts, late ? `no end within ${job.hook.timeoutMs} ms` : failure, ms, output);
    }
    this.#startReady();
  }

  #done(job: Job, facts: Facts, ms: number, output: string): void {
    this.#say("info", job, `done in ${ms} ms`, output);
    job.failures = 0;
    // There and back again while it ran: nothing is left to do.
    if (job.pending && sameFacts(job.pending, facts)) job.pending = undefined;
    if (job.pending) this.#next(job);
    else this.#forget(job);
  }

  #failed(job: Job, facts: Facts, failure: string, ms: number, output: string): void {
    const { clock, random } = this.#host;
    if (job.pending) {
      this.#say("warning", job, `${failure} after ${ms} ms, the latest state comes next`, output);
      this.#next(job);
      return;
    }
    job.failures++;
    if (job.failures > job.hook.retries) {
      this.#say("error", job, `${failure} after ${ms} ms, given up`, output);
      this.#forget(job);
      return;
    }
    const wait = Math.min(FIRST_RETRY_MS * 2 ** (job.failures - 1), LONGEST_RETRY_MS) * (1 + random() / 4);
    this.#say("warning", job, `${failure} after ${ms} ms, again in ${(wait / 1000).toFixed(1)} s`, output);
    job.retry = clock.at(clock.now() + wait, () => {
      job.retry = undefined;
      job.pending ??= facts;
      this.#next(job);
    });
  }

  #startReady(): void {
    while (this.#active < MAX_ACTIVE) {
      const job = this.#ready.shift();
      if (!job) return;
      job.waiting = false;
      this.#next(job);
    }
  }

  #forget(job: Job): void {
    this.#jobs.delete(`${job.hook.name}\0${job.key}`);
    this.#overflowed = false;
  }

  #overflow(hook: HookCommand, key: string): void {
    if (this.#overflowed) return;
    this.#overflowed = true;
    this.#host.log("error", `Hook ${hook.name} for ${key}: ${MAX_JOBS} commands wait already, this one is left out`);
  }

  #say(level: "info" | "warning" | "error", job: Job, text: string, output: string): void {
    const last = printable(output);
    this.#host.log(level, `Hook ${job.hook.name} for ${job.key}: ${text}${last === "" ? "" : `: ${last}`}`);
  }
}

/** In a process group of its own, so that the time limit takes its children too; it outlives the daemon. */
function startProgram([program = "", ...args]: readonly string[], facts: Facts): Program {
  const child = spawn(program, args, {
    cwd: "/",
    detached: true,
    env: { ...process.env, NOTIFY_SOCKET: undefined, ...facts },
    shell: false,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const collect = (chunk: Buffer): void => {
    output = (output + chunk.toString("utf8")).slice(-OUTPUT_LIMIT);
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  const ended = new Promise<Ending>((resolve) => {
    child.on("error", (error) => resolve({ failure: error.message, output }));
    child.on("exit", () => {
      // Somebody it left behind may hold its output open.
      const wait = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, OUTPUT_GRACE_MS);
      child.once("close", () => clearTimeout(wait));
    });
    child.on("close", (code, signal) => {
      if (code === 0) resolve({ output });
      else resolve({ failure: signal ? `killed by ${signal}` : `exit code ${code}`, output });
    });
  });
  return { kill: (signal) => killGroup(child.pid, signal), ended };
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // over already
  }
}

export function sameFacts(a: Facts, b: Facts): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/** The last line, without anything that could fool a terminal or a log reader. */
function printable(output: string): string {
  const last = output.trimEnd().split("\n").at(-1) ?? "";
  return last.replace(/[\p{Cc}\p{Cf}]/gu, "?").slice(0, LINE_LIMIT);
}

/** Commands at the same time; a table full of changes must not become a thousand processes. */
const MAX_ACTIVE = 8;
const MAX_JOBS = 10_000;
const KILL_AFTER_MS = 2000;
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
const OUTPUT_LIMIT = 4096;
const OUTPUT_GRACE_MS = 200;
const LINE_LIMIT = 200;
