import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { VirtualClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { seededRandom } from '../../src/base/random.ts';
import { podinfoImages } from '../../src/sandbox/podinfo/podinfo-images.ts';
import { shell } from '../../src/cli/shell.ts';
import type { FaultHook } from '../../src/sandbox/faults.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { deployBackend, get, query } from './backend.ts';

function virtualSandbox(
  clock: VirtualClock,
  seed: string,
  members: number,
  faults?: FaultHook,
): Promise<Sandbox> {
  const random = seededRandom(seed);
  return startSandbox({ clock, random, log: silentLog, members, images: podinfoImages(), shell, faults });
}

interface Run {
  readonly hash: string;
  readonly answered: number;
}

/** Two members with five requests a second each; every request between parts of the sandbox goes into the hash. */
async function traffic(seed: string, minutes: number): Promise<Run> {
  const clock = new VirtualClock();
  const hash = createHash('sha256');
  let answered = 0;
  const work = async (): Promise<void> => {
    const sandbox = await virtualSandbox(clock, seed, 2, ({ from, to, method, url }) => {
      hash.update(`${clock.now()} ${from} ${to} ${method} ${url}\n`);
    });
    await Promise.all(sandbox.members.map(deployBackend));
    await clock.sleep(20_000);
    const stop = new AbortController();
    const load = sandbox.members.map((member) =>
      clock.every(
        200,
        async () => {
          const response = await member.gateway(get('/version'));
          const text = await response.text();
          if (response.status === 200) answered += 1;
          hash.update(`${clock.now()} ${member.name} ${response.status} ${text}\n`);
        },
        stop.signal,
      ),
    );
    await clock.sleep(minutes * 60_000 + 100);
    stop.abort();
    await Promise.all(load);
    await sandbox.close();
  };
  await clock.run(work());
  return { hash: hash.digest('hex'), answered };
}

test('the same seed gives the same requests, byte for byte', async () => {
  const first = await traffic('a seed', 5);
  expect(first.answered).toBe(2 * 5 * 300);
  expect(await traffic('a seed', 5)).toEqual(first);
  expect((await traffic('another seed', 0.1)).hash).not.toBe((await traffic('a seed', 0.1)).hash);
}, 60_000);

test('Prometheus knows what went through the gateway, from both sides', async () => {
  const clock = new VirtualClock();
  const work = async (): Promise<void> => {
    const sandbox = await virtualSandbox(clock, 'metrics', 1);
    const [member] = sandbox.members;
    if (member === undefined) throw new Error('a member was asked for');
    await deployBackend(member);
    await clock.sleep(20_000);
    for (let i = 0; i < 120; i++) {
      await (await member.gateway(get(i % 4 === 0 ? '/status/500' : '/version'))).text();
      await clock.sleep(500);
    }
    const requests = (reporter: string, code: string): Promise<number> =>
      query(
        member,
        `sum(increase(istio_requests_total{reporter="${reporter}",destination_workload="backend",destination_workload_namespace="webapp",response_code="${code}"}[30s]))`,
      );
    for (const reporter of ['source', 'destination']) {
      expect(await requests(reporter, '200')).toBeCloseTo(45, -1);
      expect(await requests(reporter, '500')).toBeCloseTo(15, -1);
    }
    expect(await query(member, 'viridian_event_loop_lag_seconds')).toBe(0);
    expect(await query(member, 'min(up)')).toBe(1);
    await sandbox.close();
  };
  await clock.run(work());
}, 30_000);

test('a member that is cut off goes on serving, and follows its API again when it is back', async () => {
  const clock = new VirtualClock();
  const work = async (): Promise<void> => {
    const sandbox = await virtualSandbox(clock, 'partition', 1);
    const [member] = sandbox.members;
    if (member === undefined) throw new Error('a member was asked for');
    await deployBackend(member);
    await clock.sleep(20_000);
    member.cutOff();
    await expect(member.client.raw('GET', '/version')).rejects.toThrow(
      'the network to kurator-member1 is cut',
    );
    expect((await member.gateway(get('/version'))).status).toBe(200);
    member.restore();
    member.restartApiServer();
    const scale = { spec: { replicas: 3 } };
    const path = '/apis/apps/v1/namespaces/webapp/deployments/backend';
    await member.client.raw('PATCH', path, { json: scale, contentType: 'application/merge-patch+json' });
    await clock.sleep(60_000);
    const { text } = await member.client.raw('GET', path);
    expect(JSON.parse(text)).toMatchObject({ status: { readyReplicas: 3 } });
    await sandbox.close();
  };
  await clock.run(work());
}, 30_000);

test('what ran on a killed node runs elsewhere after a while', async () => {
  const clock = new VirtualClock();
  const work = async (): Promise<void> => {
    const sandbox = await virtualSandbox(clock, 'node', 1);
    const [member] = sandbox.members;
    if (member === undefined) throw new Error('a member was asked for');
    await deployBackend(member);
    await clock.sleep(20_000);
    await member.killNode('node-1');
    await expect(member.killNode('node-1')).rejects.toThrow('no such node: node-1; there are node-2');
    // A minute until the node is found to be dead, five that its pods tolerate that.
    await clock.sleep(7 * 60_000);
    const { text } = await member.client.raw('GET', '/apis/apps/v1/namespaces/webapp/deployments/backend');
    expect(JSON.parse(text)).toMatchObject({ status: { readyReplicas: 2 } });
    expect((await member.gateway(get('/version'))).status).toBe(200);
    await sandbox.close();
  };
  await clock.run(work());
}, 30_000);
