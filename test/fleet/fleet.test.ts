import { expect, test } from 'vitest';
import type { Canary } from '../../src/api/canary.ts';
import { deploymentKind } from '../../src/fleet/kinds.ts';
import { getCondition } from '../../src/machinery/conditions.ts';
import { kinds } from '../rollout/rollout-world.ts';
import { FleetWorld, logsOf } from './fleet-world.ts';

const [first, second] = ['kurator-member1', 'kurator-member2'] as const;
const timeoutMs = 120_000;

/** The walkthrough up to a fleet that is ready. */
async function ready(world: FleetWorld): Promise<void> {
  await world.applyWalkthrough();
  await world.phase('Ready');
}

/** `NAME RESTARTS`-like identities of the plugin's pods: the same as long as nobody has touched them. */
async function podsOf(world: FleetWorld, name: string): Promise<readonly string[]> {
  return (await world.pluginPods(name)).map(({ metadata }) => metadata.uid ?? '').sort();
}

test(
  'the walkthrough: with the rights of deploy/manager, the manager puts the plugin on both members',
  () =>
    FleetWorld.run({ seed: 'walkthrough' }, async (world) => {
      await ready(world);
      const { status } = await world.fleet();
      expect(status).toMatchObject({ phase: 'Ready', readyClusters: 2 });
      expect(status).not.toHaveProperty('unReadyClusters');
      expect(getCondition(status?.conditions, 'FlaggerReady')?.message).toBe('runs on 2 clusters');
      for (const name of [first, second]) {
        expect(await world.attached(name)).toBe('true Ready: the API server of the cluster answers');
        const pods = await world.pluginPods(name);
        expect(
          pods.map(({ metadata }) => metadata.labels?.['app.kubernetes.io/instance'] ?? '').sort(),
        ).toEqual([`istio-system-flagger-${name}`, `istio-system-testloader-${name}-loadtester`]);
        const { items } = await world.member(name).client.resource(deploymentKind).list({
          namespace: 'istio-system',
          labelSelector: 'fleet.kurator.dev/name=quickstart,fleet.kurator.dev/plugin=flagger',
        });
        expect(items.map(({ metadata }) => metadata.labels?.['fleet.kurator.dev/component'])).toEqual([
          'flagger',
          'testloader',
        ]);
      }
    }),
  timeoutMs,
);

test(
  'the agent of the plugin runs a rollout; without the plugin it is gone and the Canary stays',
  () =>
    FleetWorld.run({ seed: 'rollout', args: ['-min-interval=1s'] }, async (world) => {
      await ready(world);
      const member = world.member(first);
      for (const file of ['fleet/gateway', 'canary/podinfo', 'canary/test-loader', 'canary/canary']) {
        await world.apply(member, `examples/${file}.yaml`);
      }
      const key = { namespace: 'test', name: 'podinfo' };
      const canaries = member.client.resource<Canary>(kinds.canaries);
      const phase = async (): Promise<string> => (await canaries.get(key)).status?.phase ?? '';
      await world.until('the Canary', async () => (await phase()) === 'Initialized');

      const deployments = member.client.resource(kinds.deployments);
      const [container] = [{ name: 'podinfod', image: 'ghcr.io/stefanprodan/podinfo:6.5.4' }];
      await deployments.patch(key, 'strategic', {
        spec: { template: { spec: { containers: [container] } } },
      });
      await world.until('the new version', async () => (await phase()) === 'Succeeded', 10);
      const said = (await Promise.all([world.sandbox.host, member].map(logsOf))).flat();
      expect(said.length).toBeGreaterThan(10);
      // All that they have tried they may.
      expect(said.filter((line) => /forbidden/i.test(line))).toEqual([]);

      await world.patchFleet({ spec: { plugin: null } });
      await world.until('the end of the plugin', async () => (await podsOf(world, first)).length === 0);
      await world.phase('Ready');
      expect((await world.fleet()).status).not.toHaveProperty('plugins');
      expect(await phase()).toBe('Succeeded');
      const { items } = await deployments.list({ namespace: 'test' });
      expect(items.map(({ metadata }) => metadata.name)).toEqual([
        'loadtester',
        'podinfo',
        'podinfo-primary',
      ]);
    }),
  timeoutMs,
);

const evil: readonly (readonly [string, object, string])[] = [
  [
    'a program',
    { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'touch', args: ['/tmp/x'] } },
    'exec is not allowed in a kubeconfig of a Secret',
  ],
  [
    'a file',
    { tokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token' },
    'tokenFile is not allowed',
  ],
];

test.each(evil)(
  'a kubeconfig that names %s is refused with a reason; the neighbour is served',
  (_, user, reason) =>
    FleetWorld.run({ seed: 'evil' }, async (world) => {
      await world.applyWalkthrough();
      await world.secret(first, user);
      await world.until('the refusal', async () =>
        (await world.attached(first)).startsWith('false KubeconfigInvalid'),
      );
      expect(await world.attached(first)).toContain(reason);
      expect(await world.events(first)).toContain('Warning KubeconfigInvalid');
      await world.until('the neighbour', async () => (await world.pluginPods(second)).length === 2);
      const { status } = await world.fleet();
      expect(status).toMatchObject({ phase: 'Running', readyClusters: 1, unReadyClusters: 1 });
      expect(getCondition(status?.conditions, 'ClustersReady')?.message).toContain(
        `${first}: KubeconfigInvalid`,
      );

      await world.secret(first, { token: (await world.account(first)).token });
      await world.phase('Ready');
    }),
  timeoutMs,
);

test(
  'a member that is cut off says so, holds nobody up, and loses nothing',
  () =>
    FleetWorld.run({ seed: 'cut off' }, async (world) => {
      await ready(world);
      const before = await podsOf(world, first);
      world.doors.get(first)!.shut('no route to host');
      await world.until('the loss', async () =>
        (await world.attached(first)).startsWith('false Unreachable: no route to host'),
      );
      const { status } = await world.fleet();
      expect(status).toMatchObject({ readyClusters: 1, unReadyClusters: 1 });
      await world.patchFleet({ spec: { plugin: { flagger: { publicTestloader: false } } } });
      await world.until('the change elsewhere', async () => (await podsOf(world, second)).length === 1);
      expect(await podsOf(world, first)).toEqual(before);

      world.doors.get(first)!.open();
      await world.phase('Ready');
      const after = await podsOf(world, first);
      expect(after).toHaveLength(1);
      expect(before).toContain(after[0]);
    }),
  timeoutMs,
);

test(
  'a kubeconfig can be rotated before and after its token has ended',
  () =>
    FleetWorld.run({ seed: 'rotation' }, async (world) => {
      await ready(world);
      const before = await podsOf(world, first);
      const second = await world.account(first);
      await world.secret(first, { token: second.token });
      await world.clock.sleep(5000);
      await world.removeAccount(first, 'manager-1');
      // Longer than a watch lives: the old token would be noticed.
      await world.clock.sleep(300_000);
      expect(await world.attached(first)).toMatch(/^true/);

      await world.removeAccount(first, second.name);
      await world.until(
        'the loss',
        async () => (await world.attached(first)).startsWith('false Unauthorized'),
        5,
      );
      expect(await world.attached(first)).not.toContain(second.token);
      await world.secret(first, { token: (await world.account(first)).token });
      await world.phase('Ready');
      expect(await podsOf(world, first)).toEqual(before);
    }),
  timeoutMs,
);

test(
  'a manager that is killed is followed by one that changes nothing',
  () =>
    FleetWorld.run({ seed: 'killed' }, async (world) => {
      await ready(world);
      const before = await podsOf(world, first);
      await world.killManager();
      world.requests.length = 0;
      await world.clock.sleep(120_000);
      expect(world.requests.length).toBeGreaterThan(0);
      expect(world.requests.filter((request) => !request.startsWith('GET '))).toEqual([]);
      expect(await podsOf(world, first)).toEqual(before);
      expect((await world.fleet()).status?.phase).toBe('Ready');

      // And then nothing is asked any more.
      world.requests.length = 0;
      await world.clock.sleep(600_000);
      expect(world.requests).toEqual([]);
    }),
  timeoutMs,
);
