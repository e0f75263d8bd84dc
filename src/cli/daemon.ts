/**
 * `linnet` as a daemon: from the flags to running protocols, in bird's order, so that what is wrong is said
 * before anything is touched: configuration, control socket, privileges, pid file, background, protocols.
 */
import { writeFileSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { type Kernel, openKernel } from "../../fib/index.ts";
import { formatErrors, type LoadResult, loadConfigFile } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { dumpState } from "../control/dump.ts";
import { ControlSocketError } from "../control/listener.ts";
import { ControlServer } from "../control/server.ts";
import { StateStore } from "../control/state-store.ts";
import { Daemon } from "../daemon.ts";
import { systemError } from "../errno.ts";
import { Hooks } from "../hooks.ts";
import { type Host, type Log, nodeClock, nodeScheduler } from "../host.ts";
import { Logger, LogTargetError } from "../log/logger.ts";
import { feedTimeline } from "../observe/feed.ts";
import { Timeline } from "../observe/timeline.ts";
import { RouterIdError, Speaker } from "../speaker.ts";
import { nodeTransport } from "../transport/tcp.ts";
import { isLaunched, launch, reportReady } from "./daemon-background.ts";
import { dropPrivileges, findGroup, findUser, IdentityError } from "./daemon-identity.ts";
import { notifyServiceManager } from "./daemon-notify.ts";
import { createPidFile, type PidFile } from "./daemon-pidfile.ts";
import { handleSignals, surviveExceptions } from "./daemon-signals.ts";
import type { DaemonFlags } from "./flags.ts";

/** Everything that has to be undone when the daemon ends. */
interface Running {
  readonly flags: DaemonFlags;
  readonly logger: Logger;
  control?: ControlServer;
  pidFile?: PidFile;
  kernel?: Kernel;
  states?: StateStore;
  hooks?: Hooks;
}

export async function runDaemon(flags: DaemonFlags): Promise<void> {
  takeName();
  const inBackground = !flags.foreground && !flags.parseOnly;
  if (inBackground && !isLaunched()) process.exit(await launch());
  const running: Running = { flags, logger: openLogger(flags) };
  try {
    await start(running);
  } catch (error) {
    fail(running, error);
  }
}

/** For pgrep, top and the like, to which we would be `node`; the command line stays what it is. */
function takeName(): void {
  try {
    writeFileSync("/proc/self/comm", "linnet");
  } catch {
    // no /proc: then not
  }
}

async function start(running: Running): Promise<void> {
  const { flags, logger } = running;
  const { log } = logger;
  const uid = flags.user === undefined ? undefined : findUser(flags.user);
  const gid = flags.group === undefined ? undefined : findGroup(flags.group);
  const opening = flags.parseOnly ? undefined : openQuietly();
  const config = readConfig(flags.config);
  if (flags.parseOnly) return finish(running, 0);
  const owner = { uid: uid ?? process.geteuid?.() ?? 0, gid: gid ?? process.getegid?.() ?? 0 };
  const useLog = logger.prepare(config, owner);
  const { kernel, trouble } = await opening!;
  if (kernel) running.kernel = kernel;
  const daemon = compose(running, config);
  running.control = new ControlServer({
    target: daemon,
    paths: flags.sockets,
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
  await running.control.listen();
  const limits = dropPrivileges(
    uid,
    gid,
    config.protocols.some((protocol) => protocol.vrf !== undefined),
  );
  if (flags.pidFile !== undefined) running.pidFile = pidFile(flags.pidFile);
  running.pidFile?.write(process.pid);
  useLog();
  for (const text of [trouble, limits]) if (text !== undefined) log("warning", text);
  tellWarnings(config, log);
  handleSignals({
    daemon,
    log,
    reopenLogs: () => logger.reopen(),
    dumpState: () => {
      const text = dumpState(daemon);
      if (logger.debugOutput(text)) return;
      for (const line of text.trimEnd().split("\n")) log("debug", line);
    },
    force: (status) => finish(running, status),
  });
  await daemon.speaker.start();
  surviveExceptions(log);
  log("info", "Started");
  notifyServiceManager("READY=1");
  if (!isLaunched()) return;
  reportReady();
  logger.standardErrorChanged();
}

function compose(running: Running, config: Config): Daemon {
  const { flags, logger, kernel } = running;
  const host: Host = { clock: nodeClock(), random: Math.random, log: logger.log, scheduler: nodeScheduler() };
  const states = new StateStore(flags.sockets[0]!, logger.log);
  const clientStates = states.load();
  const speaker = new Speaker({
    host,
    transport: nodeTransport(),
    config,
    clientStates,
    recover: flags.gracefulRestart,
    ...(kernel ? { kernel } : {}),
  });
  const timeline = new Timeline(host.clock);
  feedTimeline(timeline, speaker);
  running.hooks = new Hooks(speaker, host);
  speaker.onEvent((event) => {
    if (event.type === "client") states.save(event.states);
  });
  running.states = states;
  return new Daemon({
    speaker,
    host,
    timeline,
    hostname: hostname(),
    load,
    applyConfig: (next) => applyLog(logger, next),
    onLog: (listener) => logger.onLine(listener),
    debugOutput: (text) => logger.debugOutput(text),
    exit: () => {
      logger.log("fatal", "Shutdown completed");
      finish(running, 0);
    },
  });
}

/** A configuration whose log files cannot be opened has an error like any other. */
function load(file: string): LoadResult {
  const result = loadConfigFile(file);
  if (!result.ok) return result;
  try {
    Logger.probe(result.config.log);
    return result;
  } catch (error) {
    if (!(error instanceof LogTargetError)) throw error;
    return { ok: false, errors: [{ place: error.target.place, text: complaint(error) }], sources: new Map() };
  }
}

/** Kernel routes are one of the things a router may do without. */
async function openQuietly(): Promise<{ kernel?: Kernel; trouble?: string }> {
  try {
    return { kernel: await openKernel() };
  } catch (error) {
    return { trouble: `Netlink: ${(error as Error).message}: no interface is known, no kernel route is set` };
  }
}

function readConfig(file: string): Config {
  const result = loadConfigFile(file);
  if (result.ok) return result.config;
  throw new StartError(formatErrors(result).replace(/^bird: /, ""));
}

function applyLog(logger: Logger, config: Config): void {
  try {
    logger.configure(config);
  } catch (error) {
    logger.log("error", describe(error)); // the file was there a moment ago: the old targets stay
  }
}

function tellWarnings(config: Config, log: Log): void {
  for (const { place, text } of config.warnings) {
    log("warning", `${place.file}:${place.line}:${place.column} ${text}`, { place });
  }
}

function pidFile(path: string): PidFile {
  try {
    return createPidFile(path);
  } catch (error) {
    throw new StartError(`Cannot create PID file ${path}: ${systemError(error)}`);
  }
}

function openLogger(flags: DaemonFlags): Logger {
  // A check is no business of syslog's.
  const debug = flags.parseOnly && flags.debug === "none" ? "stderr" : flags.debug;
  try {
    return new Logger(typeof debug === "string" ? { kind: debug } : { kind: "file", path: debug.file });
  } catch (error) {
    const path = typeof debug === "string" ? "" : debug.file;
    writeSync(2, `bird: Unable to open debug file ${path}: ${systemError(error)}\n`);
    process.exit(1);
  }
}

/** A start that failed for a reason the user can mend: said in bird's words, without a stack. */
class StartError extends Error {
  override readonly name = "StartError";
}

function fail(running: Running, error: unknown): void {
  const { logger } = running;
  const expected = [StartError, IdentityError, ControlSocketError, RouterIdError, LogTargetError];
  const text = expected.some((kind) => error instanceof kind)
    ? describe(error)
    : ((error as Error).stack ?? String(error));
  const [first = "", ...more] = text.trimEnd().split("\n");
  logger.log("fatal", first);
  if (!logger.reachesStderr) writeSync(2, `bird: ${first}\n`);
  if (more.length > 0) writeSync(2, `${more.join("\n")}\n`);
  finish(running, 1);
}

function describe(error: unknown): string {
  if (!(error instanceof LogTargetError)) return (error as Error).message;
  const { file, line, column } = error.target.place;
  return `${file}:${line}:${column} ${complaint(error)}`;
}

function complaint(error: LogTargetError): string {
  return `${error.message}: ${systemError(error.cause)}`;
}

function finish(running: Running, status: number): never {
  running.control?.close();
  running.states?.flush();
  running.hooks?.close();
  running.pidFile?.remove();
  notifyServiceManager("STOPPING=1");
  running.logger.close();
  process.exit(status);
}
