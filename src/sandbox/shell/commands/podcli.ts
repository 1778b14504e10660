import { parseDuration } from '../../../base/duration.ts';
import { errorMessage, TypedError } from '../../../base/errors.ts';
import { formatMicroTime } from '../../../base/time.ts';
import { type Command, type CommandContext, UsageError } from '../command.ts';
import { parseOptions } from '../options.ts';

/**
 * `podcli check http|tcp` of podinfo's image. As the real one, it waits for the delay before its first try too
 * (and not before its second).
 *
 * Source: cmd/podcli/check.go of github.com/stefanprodan/podinfo.
 */
export const podcli: Command = async (context) => {
  const { argv, seams, signal, stderr } = context;
  const { rest, value } = parseOptions(argv, {
    values: 'method body retry delay timeout service',
    unknown: (option) => `unknown flag: ${option}`,
  });
  const [command, kind, target] = rest;
  if (command !== 'check' || (kind !== 'http' && kind !== 'tcp')) {
    throw new UsageError('usage: podcli check http|tcp ADDRESS [--retry N] [--delay 1s] [--timeout 5s]');
  }
  if (target === undefined)
    throw new UsageError(`address is required! example: check ${kind} localhost:9898`);
  const address = kind === 'tcp' || /^https?:\/\//.test(target) ? target : `http://${target}`;
  const retries = Number(value('retry') ?? 0);
  if (!Number.isInteger(retries) || retries < 0) throw new UsageError('--retry is required');
  const delayMs = parseDuration(value('delay') ?? '1s');
  const timeoutMs = parseDuration(value('timeout') ?? '5s');
  const log = async (message: string, fields: object): Promise<void> => {
    const time = formatMicroTime(seams.clock.now()).slice(0, 23);
    const text = JSON.stringify({ address, ...fields })
      .replaceAll('":', '": ')
      .replaceAll(',"', ', "');
    await stderr.write(`${time}Z\tINFO\tpodcli/check.go:137\t${message}\t${text}\n`);
  };
  for (let n = 0; n <= retries; n++) {
    if (n !== 1) await seams.clock.sleep(delayMs, signal);
    using deadline = seams.clock.timeout(timeoutMs, signal);
    try {
      const status =
        kind === 'tcp'
          ? undefined
          : await statusOf(context, address, value('method'), value('body'), deadline.signal);
      if (status === undefined) await dial(context, address, deadline.signal);
      const fields = status === undefined ? {} : { 'status code': status };
      const ok = status === undefined || (status >= 200 && status < 400);
      await log(ok ? 'check succeed' : 'check failed', fields);
      if (ok) return 0;
    } catch (error) {
      if (signal.aborted || !(error instanceof TypedError)) throw error;
      await log('check failed', { error: errorMessage(error) });
    }
  }
  return 1;
};

async function statusOf(
  { seams }: CommandContext,
  address: string,
  method = 'GET',
  body = '',
  signal: AbortSignal,
): Promise<number> {
  if (!URL.canParse(address)) throw new UsageError(`${address}: it is no address`);
  const response = await seams.network.fetch(address, { method, ...(body === '' ? {} : { body }), signal });
  response.cancel();
  return response.status;
}

async function dial({ seams }: CommandContext, address: string, signal: AbortSignal): Promise<void> {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(address) ?? [];
  if (host === undefined) throw new UsageError(`dial tcp: address ${address}: missing port in address`);
  const connection = await seams.network.dial(host, Number(port), signal);
  connection.destroy();
}
