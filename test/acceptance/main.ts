// npm run acceptance -- [--members N] [--only P,A,B2] …: what the walkthrough promises, row by row. Exit code 1 if a row fails.
import { writeFile } from 'node:fs/promises';
import { acceptanceRows } from './acceptance-rows.ts';
import { parseOptions } from './options.ts';
import { lineOf, runRows, selectRows, summaryOf } from './run.ts';
import { openWorld } from './world.ts';

const options = parseOptions(process.argv.slice(2));
process.exitCode = await main();

async function main(): Promise<number> {
  const rows = selectRows(acceptanceRows, options.only);
  const world = await openWorld(options);
  const interrupted = (): void => void world.close().finally(() => process.exit(130));
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    const results = await runRows(rows, world, (result) => console.log(lineOf(result)));
    console.log(summaryOf(results));
    if (options.report !== undefined) {
      await writeFile(options.report, `${JSON.stringify({ rows: results }, null, 2)}\n`);
    }
    const failed = results.some(({ outcome }) => outcome === 'FAIL');
    if (failed) console.error(lastLines(world.managerLog()));
    return failed ? 1 : 0;
  } finally {
    await world.close();
  }
}

function lastLines(log: string): string {
  return log === '' ? '' : `the manager has said:\n${log.trimEnd().split('\n').slice(-20).join('\n')}`;
}
