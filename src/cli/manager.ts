import { manager } from '../fleet/manager/manager.ts';
import { connectApi } from './api-connection.ts';
import { runOnMachine } from './run-on-machine.ts';

/**
 * `viridian manager`: clusters, fleets and applications of one host, in this process, until it is interrupted.
 *
 * @returns the exit code
 */
export function runManager(argv: readonly string[], version: string): Promise<number> {
  return runOnMachine(manager({ version, connect: connectApi }), argv);
}
