/**
 * Without `-f` the daemon goes to the background. Node cannot fork, so the process that was called starts
 * itself again, detached, and leaves when that one is ready (with its status, if it fails).
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";

/** Runs in the process that was called. @returns its exit status */
export function launch(): Promise<number> {
  const [script, ...args] = process.argv.slice(1);
  const { LISTEN_PID: _pid, LISTEN_FDS: _fds, LISTEN_FDNAMES: _names, ...env } = process.env;
  const child = spawn(process.execPath, [...process.execArgv, script!, ...args], {
    detached: true,
    // Its complaints while it starts are the user's to read.
    stdio: ["ignore", "ignore", "inherit", "pipe"],
    env: { ...env, [READY_FD]: "3" },
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.stdio[3]?.once("data", () => {
      child.unref();
      resolve(0);
    });
    child.once("error", (error) => {
      process.stderr.write(`bird: Cannot go to the background: ${error.message}\n`);
      resolve(1);
    });
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

/** Whether this is the one in the background. */
export function isLaunched(): boolean {
  return process.env[READY_FD] !== undefined;
}

/** Lets the caller go, and the terminal with it. */
export function reportReady(): void {
  const fd = Number(process.env[READY_FD]);
  delete process.env[READY_FD];
  try {
    writeSync(fd, "ready");
    closeSync(fd);
  } catch {
    // the caller was killed: nobody waits
  }
  // The lowest free number is taken: standard error becomes /dev/null, like the other two.
  closeSync(2);
  openSync("/dev/null", "w");
}

const READY_FD = "LINNET_READY_FD";
