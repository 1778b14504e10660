import { request } from 'node:http';
import { getApplication, rolloutOf } from './application.ts';
import { checkPromotion } from './canary-rows.ts';
import { CanaryWatch } from './canary-watch.ts';
import { check, checkSame, eventually } from './checks.ts';
import { deleteApplication } from './removal.ts';
import { imageOf, otherImage, setImage } from './deployments.ts';
import { installMs } from './install.ts';
import { promotionMs } from './canary-run.ts';
import { type Row, skip } from './row.ts';
import { at, listAt, numberAt } from './values.ts';
import {
  applicationName,
  changed,
  customMetric,
  object,
  prose as proseOf,
  proseAnalysisTimes,
  proseName,
} from './walkthrough.ts';
import { firstMember, type ProseRun, type World } from './world.ts';

/** 7.6: statements of the prose, on a second Application. */
export const prose: readonly Row[] = [
  { id: 'E1', title: 'a DaemonSet rolls out', needs: ['P6', 'P8'], run: daemonSet },
  { id: 'E2', title: "metrics of one's own", needs: ['P6', 'P8'], run: ownMetric },
  {
    id: 'E3',
    title: 'webhooks talk to the public and to the private test loader',
    needs: ['P6', 'P8'],
    run: webhooks,
  },
  { id: 'E4', title: 'analysisTimes is the number of iterations', needs: ['P6', 'P8'], run: iterations },
  {
    id: 'E5',
    title: 'gateways and hosts lead in from outside and inside',
    needs: ['P6', 'P8'],
    run: entries,
  },
  { id: 'E6', title: 'rollout statuses are told per cluster', needs: ['P6', 'P8'], run: perCluster },
];

const isOurs = ({ repository }: World): boolean => repository.commit !== undefined;

/** Installs the second Application and lets one version through on the first member, once. */
function rolledOut(world: World): Promise<ProseRun> {
  return (world.notes.prose ??= rollOut(world));
}

async function rollOut(world: World): Promise<ProseRun> {
  const { host, application, members, notes } = world;
  if ((await host.find('get', 'application', applicationName)) !== undefined) {
    await deleteApplication(world, applicationName);
  }
  const kind = isOurs(world) ? 'daemonset' : 'deployment';
  await host.apply(proseOf(application, isOurs(world)));
  await Promise.all(
    members.map(({ kubectl }) =>
      eventually(installMs(world), async () => {
        const canary = await kubectl.find('get', 'canary', 'backend', '-n', 'webapp').catch(() => undefined);
        checkSame('the phase', at(canary, 'status', 'phase'), 'Initialized');
      }),
    ),
  );
  const { kubectl } = firstMember(world);
  const watch = new CanaryWatch(kubectl, 'webapp', 'backend', kind);
  notes.background.push(watch);
  await watch.until(['Initialized'], installMs(world));
  await setImage(kubectl, otherImage(await imageOf(kubectl, `${kind}/backend`)), kind);
  await watch.untilRow(({ phase }) => phase !== 'Initialized', promotionMs(world), 'not Initialized');
  const last = await watch.until(['Succeeded', 'Failed'], promotionMs(world, proseAnalysisTimes));
  const told = await eventually(30_000, async () => {
    const now = await getApplication(host, proseName);
    checkSame(
      'the phase in the Application',
      at(rolloutOf(now, firstMember(world).name), 'phase'),
      last.phase,
    );
    return now;
  });
  watch.close();
  return { rows: watch.run, application: told };
}

async function daemonSet(world: World): Promise<string> {
  if (!isOurs(world)) skip('the repository has no DaemonSet: name a local folder with --repo');
  const { rows } = await rolledOut(world);
  const { kubectl } = firstMember(world);
  const canary = await kubectl.json('get', 'canary', 'backend', '-n', 'webapp');
  checkSame('targetRef.kind', at(canary, 'spec', 'targetRef', 'kind'), 'DaemonSet');
  checkSame('the phase', rows.at(-1)?.phase, 'Succeeded');
  const image = await imageOf(kubectl, 'daemonset/backend');
  checkSame('the image of the primary', await imageOf(kubectl, 'daemonset/backend-primary'), image);
  return `${image} on daemonset/backend-primary`;
}

async function ownMetric(world: World): Promise<string> {
  await rolledOut(world);
  const { name } = customMetric;
  for (const { kubectl } of world.members) {
    const template = await kubectl.json('get', 'metrictemplate', name, '-n', 'webapp');
    checkSame('the spec of the MetricTemplate', at(template, 'spec'), customMetric.customMetric);
    const canary = await kubectl.json('get', 'canary', 'backend', '-n', 'webapp');
    const metric = listAt(canary, 'spec', 'analysis', 'metrics').find((other) => at(other, 'name') === name);
    checkSame('templateRef', at(metric, 'templateRef'), { name, namespace: 'webapp' });
  }
  return `MetricTemplate ${name} and its templateRef`;
}

async function webhooks(world: World): Promise<string> {
  await rolledOut(world);
  const { host, members, application } = world;
  const url = async (name: string): Promise<unknown> => {
    const member = members.find((other) => other.name === name);
    const canary = await member?.kubectl.json('get', 'canary', 'backend', '-n', 'webapp');
    return at(canary, 'spec', 'analysis', 'webhooks', 0, 'url');
  };
  for (const { name, kubectl } of members) {
    const loader = `istio-system-testloader-${name}-loadtester`;
    checkSame('the URL of the public test loader', await url(name), `http://${loader}.istio-system/`);
    check(
      (await kubectl.find('get', 'service', loader, '-n', 'istio-system')) !== undefined,
      `no Service ${loader}`,
    );
  }
  const { name, kubectl } = firstMember(world);
  const log = await kubectl.text([
    'logs',
    '-n',
    'istio-system',
    `deployment/istio-system-testloader-${name}-loadtester`,
  ]);
  check(log.includes('http://backend-canary.webapp:9898/'), 'the public test loader has not run the command');
  const withLoader = changed(proseOf(application, isOurs(world)), (copy) => {
    object(copy, 'spec', 'syncPolicies', 0, 'rollout')['testLoader'] = true;
  });
  await host.apply(withLoader);
  await eventually(60_000, async () => {
    for (const member of members) {
      checkSame(
        'the URL of the private test loader',
        await url(member.name),
        'http://backend-testloader.webapp/',
      );
      for (const kind of ['deployment', 'service']) {
        const found = await member.kubectl.find('get', kind, 'backend-testloader', '-n', 'webapp');
        check(found !== undefined, `there is no ${kind} backend-testloader on ${member.name}`);
      }
    }
  });
  return 'public first, private with testLoader: true';
}

async function iterations(world: World): Promise<string> {
  const { rows } = await rolledOut(world);
  return checkPromotion(rows, { analysisTimes: proseAnalysisTimes, intervalMs: world.intervalMs });
}

async function entries(world: World): Promise<string> {
  await rolledOut(world);
  const { name, kubectl, gateway } = firstMember(world);
  const curl = ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}'];
  const loader = `deployment/istio-system-testloader-${name}-loadtester`;
  const fromPod = (...args: readonly string[]): Promise<string> =>
    kubectl.text(['exec', '-n', 'istio-system', loader, '--', ...curl, ...args]);
  const inside = await fromPod('http://backend.webapp:9898/');
  checkSame('the status inside the cluster', inside.trim(), '200');
  const toGateway = await fromPod('-H', 'Host: backend.webapp', 'http://istio-ingressgateway.istio-system/');
  checkSame('the status at the ingress gateway', toGateway.trim(), '200');
  if (gateway === undefined) return '200 inside; the gateway has no address outside of the cluster';
  checkSame(`the status at ${gateway}`, await statusOf(gateway, 'backend.webapp'), 200);
  return `200 inside and at ${gateway}`;
}

/** @param host for the header, which need not be that of the URL */
function statusOf(url: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers: { host }, agent: false, timeout: 10_000 }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('timeout', () => sent.destroy(new Error(`${url} does not answer`)));
    sent.on('error', reject).end();
  });
}

async function perCluster(world: World): Promise<string> {
  const { members } = world;
  if (members.length < 2) skip('there is one member: start with --members 2');
  const { application } = await rolledOut(world);
  const promoted = members.map(({ name }) => {
    const status = rolloutOf(application, name);
    return { name, phase: at(status, 'phase'), iterations: numberAt(status, 'iterations') };
  });
  const [first, ...others] = promoted;
  checkSame(`the phase on ${first?.name ?? ''}`, first?.phase, 'Succeeded');
  for (const { name, phase } of others) checkSame(`the phase on ${name}`, phase, 'Initialized');
  return promoted.map(({ name, phase }) => `${name} ${String(phase)}`).join(', ');
}
