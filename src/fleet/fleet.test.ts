import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Fleet } from '../api/fleet.ts';
import { getCondition } from '../machinery/conditions.ts';
import type { Unstructured } from '../machinery/object.ts';
import { abandonAnnotation } from './fleet-status.ts';
import { attachedClusterKind, clusterRoleKind, deploymentKind, fleetKind, secretKind } from './kinds.ts';
import { replaceForeignAnnotation } from './plugin/foreign-engine.ts';
import { agentRules } from './plugin/agent-rules.ts';
import { pluginObjects } from './plugin/plugin-objects.ts';

import { crdKind, FleetWorld, names, whole } from './fleet-world.test-double.ts';

let world: FleetWorld;

beforeEach(async () => {
  world = await new FleetWorld().open();
});

afterEach(() => world.close());

describe('an AttachedCluster', () => {
  beforeEach(async () => {
    await world.apply('attachedclusters.yaml');
  });

  test('is ready while its API server answers, and tells when and why it does not', async () => {
    for (const name of names) await world.secret(name);
    world.start();
    await world.settle();
    expect(await world.attached('kurator-member1')).toEqual([
      true,
      'Ready',
      'the API server of the cluster answers',
    ]);

    world.door('kurator-member1').shut('connection refused');
    await world.settle();
    expect((await world.attached('kurator-member1')).slice(0, 2)).toEqual([false, 'Unreachable']);
    expect((await world.attached('kurator-member2'))[0]).toBe(true);

    world.door('kurator-member1').open();
    await world.settle(40_000);
    expect((await world.attached('kurator-member1'))[0]).toBe(true);
    const reasons = await world.events('kurator-member1');
    expect(new Set(reasons)).toEqual(new Set(['Normal Ready', 'Warning Unreachable']));
  });

  test('stays ready when a watch breaks and comes back', async () => {
    for (const name of names) await world.secret(name);
    world.start();
    await world.settle();
    const before = await world.run(world.host.resource(attachedClusterKind).listAll());

    world.door('kurator-member1').cut('reset by peer');
    await world.settle(10_000);

    const after = await world.run(world.host.resource(attachedClusterKind).listAll());
    expect(after.items).toEqual(before.items);
  });

  const user = (fields: object) => ({ users: [{ name: 'kurator-member1', user: fields }] });
  const bad: [string, object, string, RegExp][] = [
    [
      'runs a program',
      user({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'rm' } }),
      'KubeconfigInvalid',
      /exec is not allowed in a kubeconfig of a Secret/,
    ],
    ['names a file', user({ tokenFile: '/etc/shadow' }), 'KubeconfigInvalid', /tokenFile is not allowed/],
    ['is not a kubeconfig', { clusters: 'x' }, 'KubeconfigInvalid', /clusters/],
    [
      'has a token that the cluster does not know',
      user({ token: 'nonsense' }),
      'Unauthorized',
      /Unauthorized/,
    ],
  ];

  test.each(bad)(
    'says so when its kubeconfig %s, until the Secret is put right',
    async (_, change, reason, text) => {
      await world.secret('kurator-member1', change);
      await world.secret('kurator-member2');
      world.start();
      await world.settle();

      const [ready, why, message] = await world.attached('kurator-member1');
      expect([ready, why]).toEqual([false, reason]);
      expect(message).toMatch(text);
      expect(message).not.toContain('nonsense');
      expect((await world.attached('kurator-member2'))[0]).toBe(true);

      await world.secret('kurator-member1');
      await world.settle();
      expect((await world.attached('kurator-member1'))[0]).toBe(true);
    },
  );

  test('says which Secret, or which key of it, is missing', async () => {
    await world.secret('kurator-member2');
    await world.patch(attachedClusterKind, 'kurator-member2', { spec: { kubeconfig: { key: 'other' } } });
    world.start();
    await world.settle();

    const next = (name: string, key: string): string =>
      '. What runs there goes on; changes wait until the cluster answers. ' +
      `Next: kubectl -n default create secret generic ${name} --from-file=${key}=FILE --dry-run=client -o yaml | ` +
      'kubectl apply -f -, with a kubeconfig that works';
    expect(await world.attached('kurator-member1')).toEqual([
      false,
      'KubeconfigMissing',
      `secret default/kurator-member1 not found${next('kurator-member1', 'kurator-member1.config')}`,
    ]);
    expect((await world.attached('kurator-member2'))[2]).toBe(
      `key "other" not found in secret default/kurator-member2${next('kurator-member2', 'other')}`,
    );
  });

  test('gets a new connection for a new kubeconfig, and none for the same one', async () => {
    for (const name of names) await world.secret(name);
    const { members } = world.start();
    await world.settle();
    const first = members.get('default/kurator-member1')!;

    await world.patch(secretKind, 'kurator-member1', { metadata: { labels: { a: 'b' } } });
    await world.settle();
    expect(members.get('default/kurator-member1')).toBe(first);

    await world.secret('kurator-member1', { preferences: {} });
    await world.settle();
    expect(members.get('default/kurator-member1')).not.toBe(first);
    expect([first.signal.aborted, world.closed]).toEqual([true, 1]);

    const clusters = world.host.resource(attachedClusterKind);
    await world.run(clusters.delete({ namespace: 'default', name: 'kurator-member1' }));
    await world.settle();
    expect([members.get('default/kurator-member1'), world.closed]).toEqual([undefined, 2]);
  });
});

describe('a Fleet', () => {
  test('installs the rollout plugin on its members and is ready when it runs', async () => {
    for (const name of names) await world.secret(name);
    await world.apply('attachedclusters.yaml');
    await world.apply('fleet.yaml');
    world.start();
    await world.settle();
    expect((await world.fleet()).status?.phase).toBe('Running');
    expect(await world.plugin('kurator-member1')).toBe('Progressing');

    await world.runPods(...names);

    const { metadata, status } = await world.fleet();
    expect(metadata.finalizers).toEqual(['fleet.kurator.dev']);
    expect(status).toMatchObject({ phase: 'Ready', readyClusters: 2 });
    expect(status).not.toHaveProperty('unReadyClusters');
    for (const name of names) {
      expect(await world.installed(name)).toEqual(whole(name));
      const crd = await world.run(world.member(name).resource(crdKind).get({ name: 'canaries.flagger.app' }));
      expect(crd.metadata.name).toBe('canaries.flagger.app');
    }
    const clusters = await world.run(world.host.resource(attachedClusterKind).listAll());
    expect(clusters.items.map((cluster) => cluster.metadata.labels)).toEqual([
      { 'fleet.kurator.dev/fleet-name': 'quickstart' },
      { 'fleet.kurator.dev/fleet-name': 'quickstart' },
    ]);
  });

  test('makes no request when nothing differs, and writes nothing after a restart', async () => {
    await world.prepare();
    world.requests = [];
    await world.settle(3_600_000);
    expect(world.requests).toEqual([]);

    await world.stop();
    world.start();
    await world.settle(60_000);
    expect(world.requests.filter((request) => !request.startsWith('GET'))).toEqual([]);
  });

  test('mends what somebody deletes or changes on a member', async () => {
    await world.prepare();
    const [name] = names;
    const member = world.member(name);
    const key = { namespace: 'istio-system', name: `istio-system-flagger-${name}` };
    await world.run(member.resource(deploymentKind).delete(key));
    await world.run(member.resource(clusterRoleKind).patch({ name: key.name }, 'merge', { rules: [] }));
    await world.settle();

    expect(await world.installed(name)).toEqual(whole(name));
    const role = await world.run(member.resource(clusterRoleKind).get({ name: key.name }));
    expect(role['rules']).toEqual(agentRules);
  });

  test('takes the plugin away when it is edited away; the kinds stay', async () => {
    await world.prepare();
    await world.patch(fleetKind, 'quickstart', {
      spec: { plugin: { flagger: { publicTestloader: false } } },
    });
    await world.settle();
    expect((await world.installed('kurator-member1')).filter((name) => name.includes('testloader'))).toEqual(
      [],
    );

    await world.patch(fleetKind, 'quickstart', { spec: { plugin: null } });
    await world.settle();

    for (const name of names) expect(await world.installed(name)).toEqual([]);
    await world.run(world.member('kurator-member1').resource(crdKind).get({ name: 'canaries.flagger.app' }));
    expect((await world.fleet()).status).not.toHaveProperty('plugins');
  });

  test('leaves nothing behind when the plugin is put back and taken away again while it is being removed', async () => {
    await world.prepare();
    const { spec } = await world.fleet();
    const edit = (plugin: unknown): Promise<unknown> =>
      world.host
        .resource<Fleet>(fleetKind)
        .patch({ namespace: 'default', name: 'quickstart' }, 'merge', { spec: { plugin } });
    const story = [
      { at: 'DELETE kurator-member1 ', act: async () => {} },
      { at: 'PATCH host ', act: () => edit(spec.plugin) },
      {
        at: 'PATCH kurator-member1 ',
        act: async () => {
          await edit(null);
          await world.clock.sleep(2000);
        },
      },
    ];
    world.onRequest = async (request) => {
      if (story[0] !== undefined && request.startsWith(story[0].at)) await story.shift()?.act();
    };
    await world.run(edit(null));
    await world.settle(30_000);

    expect(story).toEqual([]);
    expect(await world.installed('kurator-member1')).toEqual([]);
    expect((await world.fleet()).status).not.toHaveProperty('plugins');
  });

  test('fails, with what to look at, when the agent does not come up', async () => {
    await world.prepare();
    const name = 'istio-system-flagger-kurator-member1';
    const conditions = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }];
    const key = { namespace: 'istio-system', name };
    await world.run(
      world
        .member('kurator-member1')
        .resource(deploymentKind)
        .patch(key, 'merge', { status: { conditions } }, { subresource: 'status' }),
    );
    await world.settle();

    const { status } = await world.fleet();
    expect(status?.phase).toBe('Failed');
    expect(status?.reason).toContain(
      `kurator-member1: InstallFailed: Deployment istio-system/${name}: Progress deadline exceeded. ` +
        `On the member, kubectl -n istio-system describe pods -l app.kubernetes.io/instance=${name} tells more`,
    );
    await world.runPods('kurator-member1');
    expect((await world.fleet()).status?.phase).toBe('Ready');
  });

  test('fails, with what to fix, when a member refuses an object of the plugin', async () => {
    await world.prepare();
    const flagger = { extraArgs: { nodeSelector: 'linux' } };
    await world.patch(fleetKind, 'quickstart', { spec: { plugin: { flagger } } });
    await world.settle();

    const { phase, reason } = (await world.fleet()).status ?? {};
    expect(phase).toBe('Failed');
    expect(reason).toMatch(/nodeSelector: expected map, .* Next: fix spec\.plugin\.flagger/s);
  });

  test('leaves the plugin on a member that does not answer, and goes on with the others', async () => {
    await world.prepare();
    world.door('kurator-member1').shut('no route to host');
    await world.settle();

    const { status } = await world.fleet();
    expect(status).toMatchObject({ phase: 'Running', readyClusters: 1, unReadyClusters: 1 });
    expect(getCondition(status?.conditions, 'FlaggerReady')?.message).toContain(
      'kurator-member1: ClusterNotReady: Unreachable: no route to host',
    );
    expect(await world.installed('kurator-member1')).toEqual(whole('kurator-member1'));

    await world.patch(fleetKind, 'quickstart', {
      spec: { plugin: { flagger: { publicTestloader: false } } },
    });
    await world.settle();
    expect(await world.installed('kurator-member2')).toHaveLength(4);

    world.door('kurator-member1').open();
    await world.settle(60_000);
    expect(await world.installed('kurator-member1')).toHaveLength(4);
    expect((await world.fleet()).status?.phase).toBe('Ready');
  });

  test('frees a cluster that leaves', async () => {
    await world.prepare();
    await world.patch(fleetKind, 'quickstart', {
      spec: { clusters: [{ kind: 'AttachedCluster', name: 'kurator-member2' }] },
    });
    await world.settle();

    expect(await world.installed('kurator-member1')).toEqual([]);
    const left = await world.run(
      world.host.resource(attachedClusterKind).get({ namespace: 'default', name: 'kurator-member1' }),
    );
    expect(left.metadata.labels ?? {}).toEqual({});
    expect((await world.fleet()).status).toMatchObject({ phase: 'Ready', readyClusters: 1 });
  });

  test('keeps the plugin where somebody takes its label away', async () => {
    await world.prepare();
    const deployments = world.member('kurator-member1').resource(deploymentKind);
    const before = await world.run(deployments.listAll());

    await world.patch(attachedClusterKind, 'kurator-member1', {
      metadata: { labels: { 'fleet.kurator.dev/fleet-name': null } },
    });
    await world.settle();

    const after = await world.run(deployments.listAll());
    expect(after.items.map(({ metadata }) => metadata.uid)).toEqual(
      before.items.map(({ metadata }) => metadata.uid),
    );
  });

  const deleteFleet = () =>
    world.run(world.host.resource(fleetKind).delete({ namespace: 'default', name: 'quickstart' }));

  test('is gone when all its members are free', async () => {
    await world.prepare();
    await deleteFleet();
    await world.settle();

    expect(await world.isGone(fleetKind, 'quickstart')).toBe(true);
    for (const name of names) expect(await world.installed(name)).toEqual([]);
  });

  test.each([
    ['after ten minutes', () => world.settle(620_000)],
    [
      'at once with an annotation',
      async () => {
        await world.patch(fleetKind, 'quickstart', {
          metadata: { annotations: { [abandonAnnotation]: 'true' } },
        });
        await world.settle();
      },
    ],
  ])('waits for a member that does not answer, says so, and gives up %s', async (_, giveUp) => {
    await world.prepare();
    world.door('kurator-member1').shut('no route to host');
    await deleteFleet();
    await world.settle(30_000);

    const { status } = await world.fleet();
    expect(status?.phase).toBe('Terminating');
    const message = getCondition(status?.conditions, 'Ready')?.message;
    expect(message).toContain('kurator-member1: Removing');
    expect(message).toContain(
      `kubectl -n default annotate fleet.fleet.kurator.dev quickstart ${abandonAnnotation}=true`,
    );
    expect(await world.installed('kurator-member2')).toEqual([]);

    await giveUp();
    expect(await world.isGone(fleetKind, 'quickstart')).toBe(true);
    expect(await world.events('quickstart')).toContain('Warning PluginAbandoned');
  });

  test('leaves a member alone on which another engine runs, until it may replace it', async () => {
    const engine: Unstructured = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'flagger', namespace: 'default' },
      spec: {
        selector: { matchLabels: { app: 'flagger' } },
        template: {
          metadata: { labels: { app: 'flagger' } },
          spec: { containers: [{ name: 'flagger', image: 'ghcr.io/fluxcd/flagger:1.35.0' }] },
        },
      },
    };
    const deployments = world.member('kurator-member1').resource(deploymentKind);
    await world.run(deployments.create(engine));
    await world.prepare();

    expect(await world.plugin('kurator-member1')).toBe('ForeignEngine');
    expect(await world.plugin('kurator-member2')).toBe('Running');
    expect(await world.installed('kurator-member1')).toEqual([]);

    await world.patch(attachedClusterKind, 'kurator-member1', {
      metadata: { annotations: { [replaceForeignAnnotation]: 'true' } },
    });
    await world.settle();
    expect(await world.installed('kurator-member1')).toEqual(whole('kurator-member1'));
    const stopped = await world.run(deployments.get({ namespace: 'default', name: 'flagger' }));
    expect(stopped['spec']).toMatchObject({ replicas: 0 });
  });

  test('shares no cluster with another fleet', async () => {
    await world.prepare();
    const { spec } = await world.fleet();
    await world.run(
      world.host.resource(fleetKind).create({
        apiVersion: 'fleet.kurator.dev/v1alpha1',
        kind: 'Fleet',
        metadata: { name: 'second', namespace: 'default' },
        spec,
      }),
    );
    await world.settle();

    const second = await world.run(
      world.host.resource<Fleet>(fleetKind).get({ namespace: 'default', name: 'second' }),
    );
    expect(second.status?.plugins?.map(({ reason }) => reason)).toEqual(['OtherFleet', 'OtherFleet']);
    expect((await world.fleet()).status?.phase).toBe('Ready');

    await deleteFleet();
    await world.settle(10_000);
    await world.runPods(...names);
    const { status } = await world.run(
      world.host.resource<Fleet>(fleetKind).get({ namespace: 'default', name: 'second' }),
    );
    expect(status?.phase).toBe('Ready');
  });

  test('takes one cluster that is attached twice for two, which do not fight', async () => {
    const [first, alias] = names;
    await world.secret(first);
    const cluster = { server: `https://${first}:6443` };
    await world.secret(alias, { clusters: [{ name: alias, cluster }] });
    await world.apply('attachedclusters.yaml');
    await world.apply('fleet.yaml');
    world.start();
    await world.settle();
    await world.runPods(first);
    const both = [...whole(first), ...whole(alias)].toSorted();
    expect(await world.installed(first)).toEqual(both);
    world.requests.length = 0;
    await world.settle(60_000);
    expect(world.requests).toEqual([]);

    const clusters = [{ kind: 'AttachedCluster', name: first }];
    await world.patch(fleetKind, 'quickstart', { spec: { clusters } });
    await world.settle();
    expect(await world.installed(first)).toEqual(whole(first));
  });

  test('says which plugins, providers and clusters it does nothing with', async () => {
    await world.prepare();
    await world.patch(fleetKind, 'quickstart', {
      spec: {
        plugin: { grafana: {}, flagger: { trafficRoutingProvider: 'kuma' } },
        clusters: [
          { kind: 'Cluster', name: 'capi' },
          { kind: 'AttachedCluster', name: 'kurator-member1' },
          { kind: 'AttachedCluster', name: 'nowhere' },
        ],
      },
    });
    await world.settle();

    const { status } = await world.fleet();
    expect(getCondition(status?.conditions, 'PluginsSupported')?.message).toContain('ignored: grafana');
    expect(getCondition(status?.conditions, 'ClustersReady')?.message).toBe(
      'nowhere: there is no AttachedCluster nowhere: attach it, or take it out of spec.clusters; ' +
        'Cluster capi: only kind AttachedCluster is supported',
    );
    expect(await world.plugin('kurator-member1')).toBe('UnsupportedProvider');
    expect(await world.installed('kurator-member1')).toEqual([]);
    expect(status).toMatchObject({ readyClusters: 1, unReadyClusters: 2 });
  });
});

describe('the objects of the plugin', () => {
  const fleet = {
    apiVersion: 'fleet.kurator.dev/v1alpha1',
    kind: 'Fleet',
    metadata: { name: 'quickstart', namespace: 'default' },
    spec: {},
  } as Fleet;
  const place = { fleet, cluster: 'm', image: 'image', minInterval: undefined };

  test('take from the values of the chart what means something to the agent', () => {
    const objects = pluginObjects(
      {
        trafficRoutingProvider: 'istio',
        extraArgs: {
          logLevel: 'debug',
          slack: { user: 'a', url: 'https://x/?a=1&b="2"' },
          includeLabelPrefix: ['a/', 'b/'],
          nodeSelector: { a: 'b' },
          image: { tag: '1.0' },
        },
      },
      { ...place, minInterval: '1s' },
    );

    const container = {
      image: 'image',
      args: [
        'agent',
        '-mesh-provider=istio',
        '-metrics-server=http://prometheus:9090',
        '-log-level=debug',
        '-include-label-prefix=a/,b/',
        '-slack-url=https://x/?a=1&b="2"',
        '-slack-user=a',
        '-min-interval=1s',
      ],
    };
    expect(objects.find(({ kind }) => kind === 'Deployment')).toMatchObject({
      spec: { template: { spec: { nodeSelector: { a: 'b' }, containers: [container] } } },
    });
  });

  test('have names that their kinds allow, whatever the cluster is called', () => {
    const plugin = { trafficRoutingProvider: 'istio', publicTestloader: true } as const;
    const objects = pluginObjects(plugin, { ...place, cluster: `eu.example.${'x'.repeat(80)}` });
    for (const { kind, metadata } of objects) {
      const pattern =
        kind === 'Service' ? /^[a-z][-a-z0-9]{0,61}[a-z0-9]$/ : /^[a-z][-.a-z0-9]{0,61}[a-z0-9]$/;
      expect(metadata.name).toMatch(pattern);
    }
  });

  test('may do what the agent of deploy/agent may do', () => {
    const text = readFileSync(new URL('../../deploy/agent/agent.yaml', import.meta.url), 'utf8');
    const documents = parseAllDocuments(text).map((document) => document.toJS() as Unstructured);
    const role = documents.find(({ kind }) => kind === 'ClusterRole');

    expect(agentRules).toEqual(role?.['rules']);
  });
});
