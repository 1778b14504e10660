// npm run acceptance -- [--members N] [--only P,A,B2] …: what the walkthrough promises, row by row. Exit code 1 if a row fails.
import { accept, writeReport } from './acceptance.ts';
import { acceptanceRows } from './acceptance-rows.ts';
import { parseOptions } from './options.ts';
import { selectRows } from './run.ts';
import { Screen } from './screen.ts';
import { openWorld } from './world.ts';

const interruption = new AbortController();
const { signal } = interruption;
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => interruption.abort(new Error('interrupted')));
}
let exitCode: number;
try {
  exitCode = await main();
} catch (error) {
  console.error(`acceptance: ${error instanceof Error ? error.message : String(error)}`);
  exitCode = 1;
}
// The kubectl of an interrupted row would keep the process here.
process.exit(signal.aborted ? 130 : exitCode);

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) return 0;
  const rows = selectRows(acceptanceRows, options.only);
  if (options.report !== undefined) await writeReport(options.report, []);
  const screen = new Screen(process.stdout);
  const world = await openWorld(options, (line) => screen.say(line), signal);
  try {
    return (await accept(rows, world, options, screen, signal)) ? 0 : 1;
  } finally {
    await world.close();
  }
}
