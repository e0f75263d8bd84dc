/** The command `linnetc`: what birdc is to bird. Everything is in ctl.ts, which is `linnet ctl` too. */
import { ctlCommand } from "./ctl.ts";

ctlCommand(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`linnetc: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  },
);
