/** docs/state-machine.md is made from the code: `npx vitest run test/fsm -u` writes it anew. */
import { expect, test } from "vitest";
import { cells, ROWS, STATES } from "./table.ts";

test("the documented tables are those of the code", async () => {
  const head = `| event | ${STATES.map((state) => state.name).join(" | ")} |`;
  const line = `|${" --- |".repeat(STATES.length + 1)}`;
  const rows = ROWS.map((row) => `| ${row.name} | ${cells(row).join(" | ")} |`);
  const text = `${INTRODUCTION}\n${[head, line, ...rows].join("\n")}\n${RETRIES}`;
  await expect(text).toMatchFileSnapshot("../../docs/state-machine.md");
});

const INTRODUCTION = `# The state machine of a BGP connection

Made from the code by \`test/fsm/docs.test.ts\`; do not edit. Events have the numbers of RFC 4271 §8.1.
A cell is the new state and what is done: \`dial\`, \`open\` and \`keepalive\` sent, a NOTIFICATION such as
\`6/2\` sent and the connection closed behind it, \`close\`, \`refuse\` (a connection is closed unread), \`wait\`
(DelayOpen), \`up\` and \`down\` (the session and its routes), \`hold\` (the hold timer starts anew), \`+1\` and
\`=0\` for the ConnectRetryCounter. A dot: ignored. A dash: cannot be.
`;

const RETRIES = `
## Two connections of one peer

Both sides may dial. Once both connections have an OPEN, the one that the side with the higher identifier
dialled is kept (equal identifiers: the higher AS, RFC 6286); the other gets 6/7. A connection that would lose
this comparison is not declared up while the OPEN of the preferred one is under way (at most 1 s).

## When it is tried again

| what happened | next attempt (times 0.75 to 1) | incoming connections meanwhile |
| --- | --- | --- |
| start | at once | taken |
| connection refused, lost, or hold timer expired | 0.5 s, doubling to 5 s | taken |
| SYN unanswered | every 5 s | taken |
| Cease 6/2, 6/3, 6/4, 6/5 received | 1 s, doubling to 10 s | taken |
| Cease 6/1, 6/8, any other NOTIFICATION sent or received, a limit of ours | 5 s, doubling to 300 s | closed |

A session of more than ten seconds makes the first ladders new; errors are forgotten \`error forget time\` after
the last one. Times that the configuration names (\`connect delay time\`, \`connect retry time\`, \`error wait time\`)
replace ours.
`;
