/**
 * `npm start`: the main job on an embedded default. Without root, configuration or other daemons, a route
 * server endpoint and two routers run on loopback; the primary is killed and comes back before your eyes.
 * With `-c FILE` it is the daemon itself, in the foreground.
 */
import { Lab } from "./demo/lab.ts";
import { type Outcome, Story, StoryError } from "./demo/story.ts";
import { formatMoment, View } from "./demo/view.ts";

/** @returns the exit status */
export async function startCommand(args: readonly string[]): Promise<number> {
  if (args.some((arg) => arg === "-h" || arg === "--help")) {
    process.stdout.write(HELP);
    return 0;
  }
  const unknown = args.find((arg) => arg !== "--once");
  if (unknown !== undefined) {
    process.stderr.write(`linnet start: ${unknown}: unknown\n${HELP}`);
    return 1;
  }
  const lab = new Lab();
  process.once("exit", () => lab.abandon()); // whatever ends us, the three go with us
  const once = args.includes("--once") || !process.stdout.isTTY;
  for (const signal of SIGNALS) {
    process.once(signal, () => {
      if (process.stdout.isTTY) process.stdout.write("\x1b[?25h\n");
      process.exit(once ? 1 : 0); // a round that was broken off has shown nothing
    });
  }
  try {
    return once ? await playOnce(lab) : await playLive(lab);
  } catch (error) {
    if (!(error instanceof StoryError)) throw error;
    process.stderr.write(`linnet start: ${error.message}\n`);
    return 1;
  } finally {
    await lab.close();
  }
}

/** One round, as lines. */
async function playOnce(lab: Lab): Promise<number> {
  const story = new Story(lab, {
    pauseMs: 300,
    onMoment: (moment) => process.stdout.write(`${formatMoment(moment)}\n`),
    onLook: () => undefined,
  });
  const outcome = await story.play();
  process.stdout.write(`\n${summary(outcome)}\n`);
  return 0;
}

/** One round, as a picture; then it stays until somebody ends it. */
async function playLive(lab: Lab): Promise<number> {
  const view = new View(lab, process.stdout);
  try {
    const story = new Story(lab, {
      pauseMs: 4000,
      onMoment: (moment) => view.add(moment),
      onLook: (state) => view.draw(state),
    });
    view.hint(`${summary(await story.play())} Ctrl-C ends it.`);
    for (;;) {
      view.draw(await lab.look());
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  } finally {
    view.close();
  }
}

function summary({ failOverMs, returnMs }: Outcome): string {
  return `Fail-over in ${failOverMs.toFixed(0)} ms, return in ${returnMs.toFixed(0)} ms.`;
}

/** The terminal goes, too. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const HELP = `Usage: linnet start [--once]     (npm start -- ...)
       linnet start -c FILE      the daemon on FILE, in the foreground

  --once   one round, printed as a timeline; exit status 0 only if the fail-over happened
`;
