import { Counter, Gauge, Registry } from '@prometheus-io/client';
import { orAbort } from '../base/abort.ts';
import { errorMessage } from '../base/errors.ts';
import { jsonLog } from '../base/log.ts';
import type { Program, ProgramContext } from '../base/program.ts';
import type { RunProgram } from './commands.ts';
import { Gates } from './gates.ts';
import { type LoadtesterOptions, loadtesterUsage, parseLoadtesterFlags } from './loadtester-flags.ts';
import { loadtesterServer } from './loadtester-server.ts';
import { TaskRunner } from './task-runner.ts';
import { submitTask } from './tasks.ts';

export interface LoadtesterEnvironment {
  /** Undefined where there is nothing but this process. */
  readonly runProgram?: RunProgram | undefined;
}

/** What is still open after SIGTERM is cut off then. Milliseconds. */
const graceMs = 60_000;

/**
 * `viridian loadtester`: load and gates, for the webhooks of Canaries.
 *
 * Exit codes: 0 after SIGTERM, 1 when it cannot listen, 2 for a command line that makes no sense.
 */
export function loadtester(environment: LoadtesterEnvironment = {}): Program {
  return async (context) => {
    if (context.argv.some((word) => /^--?h(elp)?$/.test(word))) {
      context.stdout(loadtesterUsage());
      return 0;
    }
    let options: LoadtesterOptions;
    try {
      options = parseLoadtesterFlags(context.argv);
    } catch (error) {
      context.stdout(`${errorMessage(error)}\n`);
      return 2;
    }
    return serve(context, options, environment);
  };
}

/** As an image without other programs. */
export const loadtesterProgram: Program = loadtester();

async function serve(
  { files, stdout, signal, seams: { clock, network } }: ProgramContext,
  options: LoadtesterOptions,
  { runProgram }: LoadtesterEnvironment,
): Promise<number> {
  const log = jsonLog(() => clock.now(), options.logLevel, stdout);
  const registry = new Registry();
  const gates = await Gates.load(files, options.state, log);
  const finished = new Counter({
    name: 'loadtester_tasks_total',
    help: 'Tasks that have ended, by result.',
    labelNames: ['result'],
    registers: [registry],
  });
  const runner = new TaskRunner({
    clock,
    log,
    timeoutMs: options.timeoutMs,
    signal,
    finished: (result) => finished.inc({ result }),
  });
  watched(registry, 'loadtester_tasks_running', 'Tasks that run now.', () => runner.running);
  watched(registry, 'loadtester_gates_open', 'Gates that are open.', () => gates.size);
  const tasks = { ...options, clock, network, runProgram, runner, log };
  const http = loadtesterServer({
    registry,
    gates,
    namespaces: options.namespaces,
    submit: (payload) => submitTask(payload, tasks),
    log,
  });
  let listener;
  try {
    listener = await network.listen(options.port, { http });
  } catch (error) {
    log.error('cannot listen', { port: options.port, error: errorMessage(error) });
    return 1;
  }
  log.info('load tester started', { port: listener.port, state: options.state });
  if (!signal.aborted) {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }
  using grace = clock.timeout(graceMs);
  await Promise.all([
    listener.close(grace.signal),
    orAbort(runner.drain(), grace.signal).catch((error: unknown) => {
      log.warn('tasks were cut off', { error: errorMessage(error) });
    }),
  ]);
  return 0;
}

/** A gauge that is read when it is asked for. */
function watched(registry: Registry, name: string, help: string, read: () => number): void {
  const gauge = new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(read());
    },
  });
  registry.registerMetric(gauge);
}
