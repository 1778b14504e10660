import { errorMessage, InvalidInputError } from '../base/errors.ts';
import type { FetchResponse } from '../base/fetch.ts';
import type { Log } from '../base/log.ts';
import { commandOf, type CommandOptions, type Runnable, shellCommand } from './commands.ts';
import { switchOf } from '../base/flags.ts';
import type { Payload } from './payload.ts';
import { plainResponse } from './plain-response.ts';
import type { TaskRunner } from './task-runner.ts';

export interface TaskOptions extends CommandOptions {
  readonly runner: TaskRunner;
  readonly log: Log;
}

/** Types of Flagger's load tester that need programs which are not part of this one. */
const unsupported: Readonly<Record<string, string>> = {
  helm: 'it needs helm and rights in the cluster',
  helmv3: 'it needs helm and rights in the cluster',
  kubectl: 'it needs kubectl and rights in the cluster',
  concord: 'there is no client of Concord',
  ngrinder: 'there is no client of nGrinder',
};

/** Takes a task on, and says what became of it. */
export async function submitTask(payload: Payload, options: TaskOptions): Promise<FetchResponse> {
  const { metadata, namespace } = payload;
  if (metadata.size === 0) return plainResponse(400, 'metadata not found in payload');
  const type = metadata.get('type') ?? 'cmd';
  if (Object.hasOwn(unsupported, type)) {
    return plainResponse(400, `task type ${type} is not supported here: ${unsupported[type]}`);
  }
  if (type !== 'cmd' && type !== 'bash') {
    return plainResponse(400, `unknown task type ${type.slice(0, 100)}`);
  }
  const command = metadata.get('cmd');
  if (command === undefined) return plainResponse(400, 'cmd not found in metadata');
  let run: Runnable;
  try {
    run =
      type === 'bash' ? shellCommand('bash', command, options) : await commandOf(command, namespace, options);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    options.log.warn('task refused', { canary: canaryOf(payload), command, error: error.message });
    return plainResponse(400, error.message);
  }
  return type === 'bash'
    ? blocking(payload, command, run, options)
    : background(payload, command, run, options);
}

function background(
  payload: Payload,
  command: string,
  run: Runnable,
  { runner }: TaskOptions,
): FetchResponse {
  const canary = canaryOf(payload);
  const isAccepted = runner.submit({
    identity: JSON.stringify([canary, command]),
    command,
    canary,
    logsOutput: payload.metadata.get('logCmdOutput') === 'true',
    run,
  });
  return isAccepted ? plainResponse(202) : noRoom();
}

async function blocking(
  payload: Payload,
  command: string,
  run: Runnable,
  { runner, log }: TaskOptions,
): Promise<FetchResponse> {
  const canary = canaryOf(payload);
  const failed = (output: string, why: string): FetchResponse => {
    log.error('command failed', { canary, command, output, error: why });
    return plainResponse(500, `command ${command} failed: ${output}: ${why}`);
  };
  try {
    const outcome = await runner.now(run);
    if (outcome === undefined) return noRoom();
    const { code, output } = outcome;
    if (code !== 0) return failed(output, `exit status ${code}`);
    log.info('command finished', { canary, command, output });
    return plainResponse(200, isTrue(payload.metadata.get('returnCmdOutput')) ? output : '');
  } catch (error) {
    return failed('', errorMessage(error));
  }
}

function isTrue(text: string | undefined): boolean {
  try {
    return text !== undefined && switchOf(text);
  } catch {
    return false;
  }
}

function canaryOf({ name, namespace }: Payload): string {
  return `${name}.${namespace}`;
}

function noRoom(): FetchResponse {
  return plainResponse(503, 'too many tasks are running: try again later', { 'retry-after': '10' });
}
