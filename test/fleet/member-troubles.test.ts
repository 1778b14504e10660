import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { getCondition } from '../../src/machinery/conditions.ts';
import { names } from '../../src/fleet/fleet-world.test-double.ts';
import { secretText, TroubledWorld } from './troubled-world.ts';

const [one, two] = names;
const goesOn = /What runs there goes on; changes wait until the cluster answers/;

describe('with a member', () => {
  let world: TroubledWorld;

  beforeEach(async () => {
    world = await TroubledWorld.start();
  });

  afterEach(() => world.close());

  /** What is said of the first member, and that the second one goes on. @param next what a person is to do */
  async function expectTold(reason: string, what: RegExp, next: RegExp): Promise<void> {
    const [ready, why, message] = await world.attached(one);
    expect([ready, why]).toEqual([false, reason]);
    for (const text of [what, goesOn, next]) expect(message).toMatch(text);
    const warnings = await world.warningsOf('AttachedCluster', one);
    expect(warnings).toContainEqual(expect.stringMatching(new RegExp(`^${reason}: .*Next`)));
    const { status } = await world.fleet();
    expect(status).toMatchObject({ readyClusters: 1, unReadyClusters: 1 });
    const fleet = getCondition(status?.conditions, 'ClustersReady')?.message;
    expect(fleet).toMatch(new RegExp(`^${one}: ${reason}: `));
    expect(fleet).toMatch(next);

    await world.commit('2.0.0');
    expect(await world.neighbourOn(two)).toBe('2.0.0');
    const verdict = await world.verdict('neighbour');
    expect(verdict).toMatchObject({ count: '1/2', ready: 'Unknown ClusterNotReady' });
    for (const text of [what, goesOn]) expect(verdict.message).toMatch(text);
    expect(verdict.message).toContain(`Next: kubectl -n default describe attachedcluster ${one}`);
    expect(verdict.message).not.toContain(two);
    expect(await world.warningsOf('Application', 'neighbour')).toContainEqual(
      expect.stringMatching(new RegExp(`^ClusterNotReady: .*${one}: ${reason}: .*Next: kubectl`)),
    );
    expect(await world.everythingSaid()).not.toContain(secretText);
  }

  /** It is put right, and all is as it should be. */
  async function expectWell(): Promise<void> {
    await world.settle(120_000);
    await world.runPods(...names);
    expect((await world.attached(one)).slice(0, 2)).toEqual([true, 'Ready']);
    expect(await world.neighbourOn(one)).toBe('2.0.0');
    expect(await world.verdict('neighbour')).toMatchObject({ phase: 'Ready', count: '2/2' });
  }

  test('that refuses connections', async () => {
    world.door(one).shut('connect ECONNREFUSED 10.0.0.1:6443');
    await world.settle(10_000);
    await expectTold('Unreachable', /ECONNREFUSED 10\.0\.0\.1:6443/, /kubectl get --raw \/readyz/);
    expect(await world.neighbourOn(one)).toBe('1.0.0');
    world.door(one).open();
    await expectWell();
  });

  test('that dies in the middle of an apply', async () => {
    let tries = 0;
    world.onRequest = (request) => {
      if (!request.startsWith(`PATCH ${one} `) || !request.includes('/deployments/')) return;
      tries += 1;
      // The first was a dry run.
      if (tries === 2) world.door(one).shut('socket hang up');
    };
    await world.commit('2.0.0');
    expect(tries).toBeGreaterThanOrEqual(2);
    expect(await world.neighbourOn(one)).toBe('1.0.0');
    await expectTold('Unreachable', /socket hang up/, /kubectl get --raw \/readyz/);
    world.onRequest = () => {};
    world.door(one).open();
    await expectWell();
  });

  test('that takes requests and never answers', async () => {
    const silence = Promise.withResolvers<void>();
    world.silence.set(one, silence.promise);
    // Until the watch that is open is to be renewed, and longer than the answer is waited for.
    await world.settle(300_000);
    await expectTold('Unreachable', /no complete answer within 30s/, /kubectl get --raw \/readyz/);
    world.silence.delete(one);
    silence.resolve();
    await expectWell();
  });

  const kubeconfig = (user: object): string =>
    JSON.stringify({
      'current-context': one,
      clusters: [{ name: one, cluster: { server: `https://${one}:6443` } }],
      users: [{ name: one, user }],
      contexts: [{ name: one, context: { cluster: one, user: one } }],
    });
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'sh', args: ['-c', secretText] };
  const bad: readonly (readonly [title: string, text: string, reason: string, what: RegExp])[] = [
    ['garbage', `token: ${secretText}: [`, 'KubeconfigInvalid', /not YAML \(\w+ in line 1\)/],
    ['nothing', '', 'KubeconfigInvalid', /kubeconfig/],
    [
      'a program to run',
      kubeconfig({ exec }),
      'KubeconfigInvalid',
      /exec is not allowed in a kubeconfig of a Secret/,
    ],
    [
      'a file to read',
      kubeconfig({ 'client-key': '/etc/shadow', 'client-certificate': '/etc/passwd' }),
      'KubeconfigInvalid',
      /client-\w+ is not allowed in a kubeconfig of a Secret; put the data itself into it/,
    ],
    ['a token that has expired', kubeconfig({ token: secretText }), 'Unauthorized', /Unauthorized/],
  ];

  test.each(bad)('whose kubeconfig has %s', async (_, text, reason, what) => {
    await world.rawSecret(one, text);
    await world.settle(10_000);
    await expectTold(reason, what, /Next: kubectl -n default create secret generic kurator-member1 /);
    await world.secret(one);
    await expectWell();
  });

  test('whose Secret is gone', async () => {
    await world.removeSecret(one);
    await world.settle(10_000);
    await expectTold(
      'KubeconfigMissing',
      /secret default\/kurator-member1 not found/,
      /Next: kubectl -n default create/,
    );
    await world.secret(one);
    await expectWell();
  });
});
