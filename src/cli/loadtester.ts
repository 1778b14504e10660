import { runProgram } from '../base/run-program.ts';
import { loadtester } from '../loadtester/loadtester.ts';
import { environment, runOnMachine } from './run-on-machine.ts';

/**
 * `viridian loadtester`: load and gates, in this process, until it is interrupted.
 *
 * @param argv flags, as those of Flagger's load tester
 * @returns the exit code
 */
export function runLoadtester(argv: readonly string[]): Promise<number> {
  const program = loadtester({
    runProgram: (command, args, signal) => runProgram(command, args, environment(), '', signal),
  });
  return runOnMachine(program, argv);
}
