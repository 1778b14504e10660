import { expect, test } from 'vitest';
import { VirtualClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { seededRandom } from '../../src/base/random.ts';
import { podinfoImages } from '../../src/sandbox/podinfo/podinfo-images.ts';
import { shell } from '../../src/cli/shell.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { deployBackend, get } from './backend.ts';

const kinds = {
  deployments: {
    group: 'apps',
    version: 'v1',
    resource: 'deployments',
    kind: 'Deployment',
    namespaced: true,
  },
  pods: { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true },
  virtualServices: {
    group: 'networking.istio.io',
    version: 'v1',
    resource: 'virtualservices',
    kind: 'VirtualService',
    namespaced: true,
  },
};
const backend = { namespace: 'webapp', name: 'backend' };

test('no request is lost while a Deployment rolls, a route flips 1,000 times and pods are deleted', async () => {
  const clock = new VirtualClock();
  const answers = new Map<string, number>();
  const work = async (): Promise<void> => {
    const sandbox = await startSandbox({
      clock,
      random: seededRandom('roll'),
      log: silentLog,
      members: 1,
      images: podinfoImages(),
      shell,
    });
    const [member] = sandbox.members;
    if (member === undefined) throw new Error('a member was asked for');
    await deployBackend(member);
    await clock.sleep(20_000);
    const { client } = member;
    const stop = new AbortController();
    const calls: Promise<void>[] = [];
    const call = async (): Promise<void> => {
      const response = await member.gateway(get('/version'));
      const text = await response.text();
      const outcome =
        response.status === 200
          ? (JSON.parse(text) as { version: string }).version
          : `${response.status} ${text}`;
      answers.set(outcome, (answers.get(outcome) ?? 0) + 1);
    };
    const load = clock.every(2, () => void calls.push(call()), stop.signal);
    let flips = 0;
    const flipping = clock.every(
      20,
      async () => {
        flips += 1;
        const route = { destination: { host: 'backend', port: { number: 9898 } } };
        const http = [
          {
            name: `flip-${flips}`,
            route: [
              { ...route, weight: flips % 2 === 0 ? 100 : 50 },
              ...(flips % 2 === 0 ? [] : [{ ...route, weight: 50 }]),
            ],
          },
        ];
        await client.resource(kinds.virtualServices).patch(backend, 'merge', { spec: { http } });
      },
      stop.signal,
    );
    await clock.sleep(2_000);
    const image = 'ghcr.io/stefanprodan/podinfo:6.5.3';
    const template = { spec: { containers: [{ name: 'backend', image }] } };
    await client.resource(kinds.deployments).patch(backend, 'strategic', { spec: { template } });
    await clock.sleep(10_000);
    const { items } = await client.resource(kinds.pods).list({ namespace: 'webapp' });
    const [first] = items;
    await client.resource(kinds.pods).delete({ namespace: 'webapp', name: first?.metadata.name ?? '' });
    await clock.sleep(9_000);
    stop.abort();
    await Promise.all([load, flipping, ...calls]);
    await sandbox.close();
    expect(flips).toBeGreaterThanOrEqual(1_000);
  };
  await clock.run(work());
  expect([...answers.keys()].sort()).toEqual(['6.5.3', '6.5.4']);
  expect([...answers.values()].reduce((a, b) => a + b)).toBeGreaterThan(10_000);
}, 120_000);
