/**
 * One round of the main job: both routers up, the primary carries the traffic, is killed, and comes back.
 * Times are what the endpoint's table shows, looked at every few milliseconds.
 */
import { type Lab, type LabState, ROLES } from "./lab.ts";

export interface Moment {
  /** Milliseconds since the round began. */
  readonly at: number;
  readonly text: string;
}

export interface Outcome {
  readonly failOverMs: number;
  readonly returnMs: number;
}

/** What did not come true in time. */
export class StoryError extends Error {
  override readonly name = "StoryError";
}

export class Story {
  readonly moments: Moment[] = [];
  readonly #lab: Lab;
  readonly #began = performance.now();
  readonly #onMoment: (moment: Moment) => void;
  readonly #onLook: (state: LabState) => void;
  /** How long each situation stays on the screen. */
  readonly #pauseMs: number;

  constructor(lab: Lab, options: { pauseMs: number; onMoment(moment: Moment): void; onLook(state: LabState): void }) {
    this.#lab = lab;
    this.#pauseMs = options.pauseMs;
    this.#onMoment = options.onMoment;
    this.#onLook = options.onLook;
  }

  /** @throws StoryError */
  async play(): Promise<Outcome> {
    this.#tell("endpoint, primary (MED 0) and standby (MED 100) start");
    for (const role of ROLES) this.#lab.start(role);
    await this.#until("both sessions Established", (s) => bothUp(s));
    this.#tell("both sessions are Established");
    await this.#until("the primary's route in use", (s) => s.best === "primary" && s.routes.length === 2);
    this.#tell("the endpoint has both routes to 100.64.0.0/10 and uses the primary's");
    await this.#pause();
    const failOverMs = await this.#failOver();
    await this.#pause();
    const returnMs = await this.#return();
    await this.#pause();
    return { failOverMs, returnMs };
  }

  async #failOver(): Promise<number> {
    this.#tell("kill -9 of the primary");
    const killed = performance.now();
    const gone = this.#lab.kill("primary");
    await this.#until("the standby's route in use", (s) => s.best === "standby");
    const took = performance.now() - killed;
    await gone;
    this.#tell(`the endpoint uses the standby's route: ${took.toFixed(0)} ms after the kill`);
    return took;
  }

  async #return(): Promise<number> {
    this.#tell("the primary starts again");
    const started = performance.now();
    this.#lab.start("primary");
    await this.#until("the primary's route in use again", (s) => s.best === "primary" && s.routes.length === 2);
    const took = performance.now() - started;
    this.#tell(`the endpoint uses the primary's route again: ${took.toFixed(0)} ms after the start`);
    return took;
  }

  /** Looks until it is so. */
  async #until(what: string, isSo: (state: LabState) => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const state = await this.#lab.look();
      this.#onLook(state);
      if (isSo(state)) return;
      for (const role of ROLES) {
        const said = this.#lab.said(role).trim();
        if (!state.running[role] && said.startsWith("bird:")) throw new StoryError(`${role} did not stay:\n${said}`);
      }
      if (performance.now() > deadline)
        throw new StoryError(`not within ${PATIENCE_MS / 1000} s: ${what}${this.#reasons()}`);
      await sleep(LOOK_MS);
    }
  }

  /** What the daemons complained about. */
  #reasons(): string {
    return ROLES.map((role) => this.#lab.said(role).trim())
      .filter((said) => said !== "")
      .map((said) => `\n${said}`)
      .join("");
  }

  async #pause(): Promise<void> {
    const until = performance.now() + this.#pauseMs;
    while (performance.now() < until) {
      this.#onLook(await this.#lab.look());
      await sleep(Math.min(REFRESH_MS, Math.max(0, until - performance.now())));
    }
  }

  #tell(text: string): void {
    const moment = { at: performance.now() - this.#began, text };
    this.moments.push(moment);
    this.#onMoment(moment);
  }
}

function bothUp({ sessions }: LabState): boolean {
  return sessions.primary.startsWith("Established") && sessions.standby.startsWith("Established");
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const PATIENCE_MS = 20_000;
const LOOK_MS = 2;
const REFRESH_MS = 200;
