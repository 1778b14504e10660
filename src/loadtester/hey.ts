import { errorMessage } from '../base/errors.ts';
import type { Program } from '../base/program.ts';
import { parseHey } from './hey-flags.ts';
import { heyCsv, heySummary } from './hey-report.ts';
import { runLoad } from './load.ts';

/**
 * The load generator `hey`, with its flags and its output, on the network of whoever runs it. SIGTERM ends the load
 * and prints the summary of what there is.
 */
export const hey: Program = async ({ argv, files, seams, signal, stdout }) => {
  const command = parseHey(argv);
  if ('code' in command) {
    stdout(command.text);
    return command.code;
  }
  let { load } = command;
  if (command.bodyFile !== undefined) {
    try {
      load = { ...load, body: await files.read(command.bodyFile) };
    } catch (error) {
      stdout(`${errorMessage(error)}\n`);
      return 1;
    }
  }
  const result = await runLoad(load, { fetch: seams.network.fetch, clock: seams.clock }, signal);
  stdout(command.csv ? heyCsv(result) : heySummary(result));
  return 0;
};
