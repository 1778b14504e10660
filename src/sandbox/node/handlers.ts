import { orAbort } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { DeadlineError, errorMessage } from '../../base/errors.ts';
import type { Network } from '../../base/network.ts';
import type { ContainerInstance } from './instance.ts';
import type { Container, Handler, HttpGetAction } from './kinds.ts';
import type { Shell } from './shell.ts';
import { runInside } from './shell.ts';

/** What a probe or a hook is about. */
export interface HandlerTarget {
  readonly container: Container;
  readonly instance: ContainerInstance;
  readonly podIP: string;
  /** Calls of the node come from here. */
  readonly network: Network;
  readonly clock: Clock;
  readonly shell: Shell;
}

export interface Outcome {
  readonly ok: boolean;
  /** What went wrong, in the words of the kubelet. */
  readonly output: string;
}

const userAgents = { probe: 'kube-probe/1.36', hook: 'kube-lifecycle/1.36' };
const maxOutput = 10 * 1024;

/**
 * Does what a probe or a hook asks for. Never throws.
 * @param timeoutMs undefined: as long as it takes
 */
export async function runHandler(
  handler: Handler,
  target: HandlerTarget,
  timeoutMs: number | undefined,
  purpose: keyof typeof userAgents,
): Promise<Outcome> {
  const { clock, instance } = target;
  using deadline = timeoutMs === undefined ? undefined : clock.timeout(timeoutMs, instance.ended);
  const signal = deadline?.signal ?? instance.ended;
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  if (exec !== undefined) return await runCommand(exec.command ?? [], target, signal);
  if (httpGet !== undefined) return await callHttp(httpGet, target, signal, userAgents[purpose]);
  if (tcpSocket !== undefined) return await dial(tcpSocket.port, tcpSocket.host, target, signal);
  if (grpc !== undefined) return await dial(grpc.port, undefined, target, signal);
  if (sleep !== undefined) {
    await clock.sleep(sleep.seconds * 1000, signal).catch(() => {});
    return { ok: true, output: '' };
  }
  return { ok: false, output: 'missing probe handler' };
}

async function runCommand(
  command: readonly string[],
  { instance, shell }: HandlerTarget,
  signal: AbortSignal,
): Promise<Outcome> {
  let output = '';
  const collect = (text: string): void => {
    output = (output + text).slice(0, maxOutput);
  };
  try {
    const code = await runInside(instance, shell, command, { stdout: collect, stderr: collect, signal });
    if (timedOut(signal))
      return { ok: false, output: `command ${JSON.stringify(command.join(' '))} timed out` };
    return { ok: code === 0, output };
  } catch (error) {
    return { ok: false, output: errorMessage(error) };
  }
}

async function callHttp(
  action: HttpGetAction,
  { container, podIP, network }: HandlerTarget,
  signal: AbortSignal,
  userAgent: string,
): Promise<Outcome> {
  const port = portNumber(action.port, container);
  if (port === undefined) return unknownPort(action.port);
  const scheme = (action.scheme ?? 'HTTP').toLowerCase();
  const host = action.host || podIP;
  const path = action.path ?? '/';
  const url = `${scheme}://${host}:${port}${path.startsWith('/') ? '' : '/'}${path}`;
  const headers: Record<string, string> = { 'user-agent': userAgent, accept: '*/*' };
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  try {
    const response = await orAbort(network.fetch(url, { headers, signal }), signal, (late) => late.cancel());
    response.cancel();
    const ok = response.status >= 200 && response.status < 400;
    return { ok, output: ok ? '' : `HTTP probe failed with statuscode: ${response.status}` };
  } catch {
    const why = timedOut(signal)
      ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
      : refused(host, port);
    return { ok: false, output: `Get ${JSON.stringify(url)}: ${why}` };
  }
}

async function dial(
  port: number | string,
  host: string | undefined,
  { container, podIP, network }: HandlerTarget,
  signal: AbortSignal,
): Promise<Outcome> {
  const number = portNumber(port, container);
  if (number === undefined) return unknownPort(port);
  const address = host || podIP;
  try {
    const connection = await orAbort(network.dial(address, number, signal), signal, (late) => late.destroy());
    connection.destroy();
    return { ok: true, output: '' };
  } catch {
    const output = timedOut(signal) ? `dial tcp ${address}:${number}: i/o timeout` : refused(address, number);
    return { ok: false, output };
  }
}

function timedOut(signal: AbortSignal): boolean {
  return signal.aborted && signal.reason instanceof DeadlineError;
}

function refused(host: string, port: number): string {
  return `dial tcp ${host}:${port}: connect: connection refused`;
}

function portNumber(port: number | string, { ports = [] }: Container): number | undefined {
  if (typeof port === 'number') return port;
  const named = ports.find(({ name }) => name === port)?.containerPort;
  return named ?? (/^\d+$/.test(port) ? Number(port) : undefined);
}

function unknownPort(port: number | string): Outcome {
  return { ok: false, output: `couldn't find port: ${port}` };
}
