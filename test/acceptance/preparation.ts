import { gte } from 'semver';
import { check, checkMatch, checkSame, eventually, show } from './checks.ts';
import type { Member } from './clusters.ts';
import { execute, type Kubectl, succeeded } from './kubectl.ts';
import { type Row, skip } from './row.ts';
import { parseTable } from './table.ts';
import { at, listAt, numberAt, textAt } from './values.ts';
import { changed, object } from './walkthrough.ts';
import { documentsOf, fileOf, type World } from './world.ts';

const istio = 'istio-system';
const readyMs = 120_000;
/** The addon of Istio 1.27, as it is published. */
const prometheusManifest = 'test/testdata/istio/prometheus.yaml';

/** 7.1: what has to be there before. */
export const preparation: readonly Row[] = [
  {
    id: 'P1',
    title: 'host and members are up',
    needs: [],
    run: async ({ host, members }) => {
      const versions = await Promise.all([host, ...members.map(({ kubectl }) => kubectl)].map(serverVersion));
      for (const version of versions) check(gte(version, '1.27.3'), `a server is ${version}, before 1.27.3`);
      return versions.join(', ');
    },
  },
  {
    id: 'P2',
    title: 'Istio is installed on each member',
    needs: [],
    run: (world) => onEach(world, istioVersion),
  },
  {
    id: 'P3',
    title: 'ingress gateway and istiod run',
    needs: ['P2'],
    run: (world) =>
      onEach(world, async ({ kubectl }) => {
        await eventually(readyMs, async () => {
          await checkRunning(kubectl, istio, /^istio-ingressgateway-/, '1/1');
          await checkRunning(kubectl, istio, /^istiod-/, '1/1');
        });
        return 'running';
      }),
  },
  {
    id: 'P4',
    title: "Istio's Prometheus addon is applied",
    needs: ['P2'],
    run: (world) => onEach(world, applyPrometheus),
  },
  {
    id: 'P5',
    title: 'Prometheus runs',
    needs: ['P4'],
    run: (world) =>
      onEach(world, async ({ kubectl }) => {
        await eventually(readyMs, () => checkRunning(kubectl, istio, /^prometheus-/, '2/2'));
        return '2/2 Running';
      }),
  },
  {
    id: 'P6',
    title: 'the Gateway public-gateway is applied',
    needs: ['P2'],
    run: (world) => onEach(world, applyGateway),
  },
  {
    id: 'P7',
    title: 'kubectl get gateway shows public-gateway',
    needs: ['P6'],
    run: (world) =>
      onEach(world, async ({ kubectl }) => {
        for (const kind of ['gateway', 'gateways.networking.istio.io']) {
          const { rows } = parseTable(await kubectl.text(['get', kind, '-n', istio]));
          checkSame(
            `the first column of kubectl get ${kind}`,
            rows.map(([name]) => name),
            ['public-gateway'],
          );
        }
        return 'one row';
      }),
  },
  {
    id: 'P8',
    title: 'clusters are attached, the fleet and its rollout plugin are ready',
    needs: ['P2', 'P4'],
    run: attach,
  },
  {
    id: 'P9',
    title: 'without KUBECONFIG of a member, kubectl talks to the host',
    needs: [],
    run: async ({ host }) => {
      const args = ['config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}'];
      const bare = await execute(host.program, args, { env: { KUBECONFIG: host.kubeconfig } });
      checkSame('the server of bare kubectl', succeeded(args, bare), await host.text(args));
      const get = ['get', 'namespace', 'default', '-o', 'name'];
      const answer = await execute(host.program, get, { env: { KUBECONFIG: host.kubeconfig } });
      checkSame('the answer to bare kubectl', succeeded(get, answer).trim(), 'namespace/default');
      return bare.stdout;
    },
  },
];

async function onEach({ members }: World, look: (member: Member) => Promise<string>): Promise<string> {
  const seen = await Promise.all(
    members.map(async (member) => {
      try {
        return await look(member);
      } catch (error) {
        if (error instanceof Error) error.message = `${member.name}: ${error.message}`;
        throw error;
      }
    }),
  );
  return [...new Set(seen)].join('; ');
}

async function serverVersion(kubectl: Kubectl): Promise<string> {
  const version = await kubectl.json('version');
  return textAt(version, 'serverVersion', 'gitVersion')
    .replace(/^v/, '')
    .replace(/[-+].*$/, '');
}

async function istioVersion({ kubectl }: Member): Promise<string> {
  const deployment = await kubectl.find('get', 'deployment', 'istiod', '-n', istio);
  if (deployment === undefined)
    skip('Istio is not installed: istioctl manifest install --set profile=default -y');
  const image = textAt(deployment, 'spec', 'template', 'spec', 'containers', 0, 'image');
  const [, version] = /:v?(\d+\.\d+\.\d+)/.exec(image) ?? [];
  check(version !== undefined && gte(version, '1.18.0'), `istiod is ${image}, and 1.18 is needed`);
  return `Istio ${version}`;
}

/** Fails unless at least one pod has this name, and all that have it are ready and run. */
export async function checkRunning(
  kubectl: Kubectl,
  namespace: string,
  name: RegExp,
  ...ready: readonly string[]
): Promise<number> {
  const pods = parseTable(await kubectl.text(['get', 'po', '-n', namespace])).rows.filter(([pod = '']) =>
    name.test(pod),
  );
  check(pods.length > 0, `there is no pod ${name} in ${namespace}`);
  for (const [pod = '', readiness = '', status = ''] of pods) {
    check(
      ready.includes(readiness) && status === 'Running',
      `pod ${pod} is ${readiness} ${status}, not ${ready.join(' or ')} Running`,
    );
  }
  return pods.length;
}

async function applyPrometheus({ kubectl }: Member): Promise<string> {
  const there = await kubectl.find('get', 'deployment', 'prometheus', '-n', istio);
  // One that is there is somebody's, and may be set up for more than the addon.
  const dryRun = there === undefined ? [] : ['--dry-run=server'];
  const printed = await kubectl.text(['apply', ...dryRun, '-f', fileOf(prometheusManifest)]);
  checkMatch(
    'what kubectl apply prints',
    printed,
    /^deployment\.apps\/prometheus (created|configured|unchanged)/m,
  );
  checkMatch('what kubectl apply prints', printed, /^service\/prometheus (created|configured|unchanged)/m);
  const service = await kubectl.json('get', 'service', 'prometheus', '-n', istio);
  const ports = listAt(service, 'spec', 'ports').map((port) => numberAt(port, 'port'));
  check(ports.includes(9090), `Service prometheus has ports ${ports.join()}, not 9090`);
  return there === undefined ? 'applied' : 'there already, applied as a dry run';
}

async function applyGateway({ kubectl }: Member): Promise<string> {
  const there = await kubectl.find('get', 'gateways.networking.istio.io', 'public-gateway', '-n', istio);
  const [manifest] = await documentsOf('examples/fleet/gateway.yaml');
  const gateway = changed(manifest, (copy) => (copy['apiVersion'] = 'networking.istio.io/v1alpha3'));
  checkSame('the selector of the Gateway', at(gateway, 'spec', 'selector'), { istio: 'ingressgateway' });
  const printed = (await kubectl.apply(gateway)).trim();
  const done = there === undefined ? /created/ : /configured|unchanged/;
  checkMatch(
    'what kubectl apply prints',
    printed,
    new RegExp(`^gateway\\.networking\\.istio\\.io/public-gateway (${done.source})$`),
  );
  return printed;
}

async function attach(world: World): Promise<string> {
  const { host, members } = world;
  await eventually(readyMs, async () => {
    const served = await host.text(['api-resources', '--categories=kurator-dev', '-o', 'name']);
    for (const kind of ['applications', 'attachedclusters', 'fleets']) {
      check(served.includes(kind), `the host does not serve ${kind}: is the manager running?`);
    }
  });
  for (const { name, kubectl } of members) {
    if ((await host.find('get', 'secret', name)) !== undefined) continue;
    const file = `--from-file=${name}.config=${kubectl.kubeconfig}`;
    const printed = await host.text(['create', 'secret', 'generic', name, file]);
    checkSame('what kubectl create secret prints', printed.trim(), `secret/${name} created`);
  }
  for (const manifest of await fleetManifests(members.map(({ name }) => name))) await host.apply(manifest);
  await eventually(readyMs, () => checkFleet(world));
  await Promise.all(members.map((member) => eventually(readyMs, () => checkPlugin(member))));
  return `Fleet Ready, ${members.length} clusters ready, agents and test loaders running`;
}

/** AttachedClusters and Fleet of the examples, for clusters of these names. */
async function fleetManifests(names: readonly string[]): Promise<readonly unknown[]> {
  const [template] = await documentsOf('examples/fleet/attachedclusters.yaml');
  const [fleet] = await documentsOf('examples/fleet/fleet.yaml');
  return [
    ...names.map((name) =>
      changed(template, (cluster) => {
        object(cluster, 'metadata')['name'] = name;
        object(cluster, 'spec')['kubeconfig'] = { name, key: `${name}.config` };
      }),
    ),
    changed(fleet, (copy) => {
      object(copy, 'spec')['clusters'] = names.map((name) => ({ kind: 'AttachedCluster', name }));
    }),
  ];
}

async function checkFleet({ host, members }: World): Promise<void> {
  const clusters = parseTable(await host.text(['get', 'attachedcluster']));
  checkSame('the header of kubectl get attachedcluster', clusters.header, ['NAME', 'READY']);
  for (const { name } of members) {
    const row = clusters.rows.find(([first]) => first === name);
    check(row?.[1] === 'true', `AttachedCluster ${name} is ${row?.[1] ?? 'not there'}, not READY true`);
  }
  const fleets = parseTable(await host.text(['get', 'fleet.fleet.kurator.dev', 'quickstart']));
  checkSame('the row of kubectl get fleet', fleets.rows, [['quickstart', 'Ready']]);
  const fleet = await host.json('get', 'fleet.fleet.kurator.dev', 'quickstart');
  const ready = at(fleet, 'status', 'readyClusters');
  check(ready === members.length, `readyClusters is ${show(ready)}, not ${members.length}`);
}

async function checkPlugin({ name, kubectl }: Member): Promise<void> {
  await checkRunning(kubectl, istio, new RegExp(`^${istio}-flagger-${name}-`), '1/1');
  await checkRunning(kubectl, istio, new RegExp(`^${istio}-testloader-${name}-loadtester-`), '1/1');
  const crd = await kubectl.find('get', 'crd', 'canaries.flagger.app');
  check(crd !== undefined, 'there is no CustomResourceDefinition canaries.flagger.app');
}
