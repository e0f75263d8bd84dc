/** The thread that BFD runs in. */
import { parentPort } from "node:worker_threads";
import { BfdEngine, type EngineCommand } from "./bfd/engine.ts";

const port = parentPort;
if (port) {
  const engine = new BfdEngine((event) => {
    port.postMessage(event);
    if (event.type === "closed") port.close();
  });
  port.on("message", (command: EngineCommand) => engine.command(command));
}
