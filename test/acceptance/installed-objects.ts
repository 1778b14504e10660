import { check, checkSame, eventually, throughout } from './checks.ts';
import { canarySpec } from './expected.ts';
import type { Kubectl } from './kubectl.ts';
import { checkRunning } from './preparation.ts';
import { at, listAt, namesOf, numberAt, textAt } from './values.ts';
import { applicationName, object } from './walkthrough.ts';
import { firstMember, type World } from './world.ts';

/** What the rollout of the walkthrough puts on a member. */
export async function checkMemberObjects(kubectl: Kubectl, application: unknown): Promise<void> {
  const get = (...args: readonly string[]): Promise<unknown> => kubectl.json('get', ...args, '-n', 'webapp');
  const namespace = await get('namespace', 'webapp');
  checkSame('label istio-injection', at(namespace, 'metadata', 'labels', 'istio-injection'), 'enabled');
  const [loader, service, canary] = [
    await get('deployment', 'backend-testloader'),
    await get('service', 'backend-testloader'),
    await get('canary', 'backend'),
  ];
  for (const made of [loader, service, canary]) {
    const name = `${textAt(made, 'kind')} ${textAt(made, 'metadata', 'name')}`;
    const policy = at(made, 'metadata', 'annotations', 'kurator.dev/rollout');
    checkSame(`annotation kurator.dev/rollout of ${name}`, policy, `${applicationName}-0`);
  }
  checkLoader(loader, service);
  checkSame('the spec of the Canary', at(canary, 'spec'), canarySpec(application));
}

/** Our reading: as the original's, but for the image and what that needs. */
function checkLoader(deployment: unknown, service: unknown): void {
  const app = { app: 'backend-testloader' };
  checkSame('label app of the test loader', at(deployment, 'metadata', 'labels', 'app'), app.app);
  checkSame('its selector', at(deployment, 'spec', 'selector'), { matchLabels: app });
  checkSame('labels of its pods', at(deployment, 'spec', 'template', 'metadata', 'labels'), app);
  const annotations = object(deployment, 'spec', 'template', 'metadata', 'annotations');
  checkSame('annotations of its pods', annotations, {
    'prometheus.io/scrape': 'true',
    'prometheus.io/port': '8080',
    'openservicemesh.io/inbound-port-exclusion-list': '80, 8080',
  });
  const container = at(deployment, 'spec', 'template', 'spec', 'containers', 0);
  checkSame('the name of its container', at(container, 'name'), 'loadtester');
  const [port] = listAt(container, 'ports');
  checkSame('its port', [at(port, 'name'), at(port, 'containerPort')], ['http', 8080]);
  for (const probe of ['livenessProbe', 'readinessProbe']) {
    const url = 'http://localhost:8080/healthz';
    const command = ['wget', '--quiet', '--tries=1', '--timeout=4', '--spider', url];
    checkSame(`command of its ${probe}`, at(container, probe, 'exec', 'command'), command);
    checkSame(`timeout of its ${probe}`, at(container, probe, 'timeoutSeconds'), 5);
  }
  checkSame('requests', at(container, 'resources', 'requests'), { cpu: '10m', memory: '32Mi' });
  checkSame('memory limit', at(container, 'resources', 'limits', 'memory'), '512Mi');
  checkSame('user', at(container, 'securityContext', 'runAsUser'), 10_001);
  checkSame('read-only root', at(container, 'securityContext', 'readOnlyRootFilesystem'), true);
  checkSame('selector of its Service', at(service, 'spec', 'selector'), app);
  const [servicePort] = listAt(service, 'spec', 'ports');
  const seen = ['name', 'port', 'protocol', 'targetPort'].map((key) => at(servicePort, key));
  checkSame('port of its Service', seen, ['http', 80, 'TCP', 'http']);
}

/** Pods, Service and routes of the walkthrough while no rollout goes on. */
export async function checkMemberPods(kubectl: Kubectl): Promise<void> {
  await checkRunning(kubectl, 'webapp', /^backend-primary-/, '2/2');
  await checkRunning(kubectl, 'webapp', /^frontend-/, '2/2');
  await checkRunning(kubectl, 'webapp', /^backend-testloader-/, '2/2');
  await checkNoTarget(kubectl);
  const podinfo = await checkRunning(kubectl, 'default', /^podinfo-/, '1/1');
  checkSame('the number of pods podinfo', podinfo, 2);
  const service = await kubectl.json('get', 'service', 'backend', '-n', 'webapp');
  checkSame('the selector of Service backend', at(service, 'spec', 'selector'), { app: 'backend-primary' });
  checkSame('the weights of VirtualService backend', await weights(kubectl), {
    'backend-primary': 100,
    'backend-canary': 0,
  });
}

/** No pod of the target: the new version has none while nobody rolls out. */
export async function checkNoTarget(kubectl: Kubectl): Promise<void> {
  const pods = namesOf(await kubectl.json('get', 'pods', '-n', 'webapp', '-l', 'app=backend'));
  checkSame('pods of the target', pods, []);
  const target = await kubectl.json('get', 'deployment', 'backend', '-n', 'webapp');
  checkSame('replicas of Deployment backend', at(target, 'spec', 'replicas'), 0);
}

/** Weight by destination. */
export async function weights(kubectl: Kubectl): Promise<Record<string, number>> {
  const routes = await kubectl.json('get', 'virtualservice', 'backend', '-n', 'webapp');
  const destinations = listAt(routes, 'spec', 'http', 0, 'route').map((route) => {
    const [host = ''] = textAt(route, 'destination', 'host').split('.');
    return [host, numberAt(route, 'weight')] as const;
  });
  return Object.fromEntries(destinations);
}

/** What stays the same while nobody writes an object. Services have no generation, and no status that moves. */
async function generations(kubectl: Kubectl, ...objects: readonly string[]): Promise<readonly unknown[]> {
  const list = await kubectl.json('get', ...objects);
  return listAt(list, 'items').map((item) => [
    at(item, 'metadata', 'uid'),
    at(item, 'metadata', 'generation'),
  ]);
}

/**
 * Our reading of "wait ten minutes": nothing is re-applied periodically, whatever the interval, because what others
 * change is noticed when it happens. So no write comes while nobody changes anything, and what somebody else changes is
 * repaired at once.
 */
export async function checkKeptAlone(world: World): Promise<string> {
  const { kubectl } = firstMember(world);
  const rollout = ['deployment/backend', 'deployment/backend-primary', '-n', 'webapp'];
  const podinfo = ['deployment/podinfo', 'service/podinfo', '-n', 'default'];
  const before = [await generations(kubectl, ...rollout), await generations(kubectl, ...podinfo)];
  const quietMs = Math.max(3 * world.intervalMs, 10_000);
  await throughout(quietMs, async () => {
    await checkNoTarget(kubectl);
    checkSame(
      'uid and generation of backend and its primary',
      await generations(kubectl, ...rollout),
      before[0],
    );
    checkSame('uid and generation of podinfo', await generations(kubectl, ...podinfo), before[1]);
  });
  const port = (service: unknown): unknown => at(service, 'spec', 'ports', 0, 'targetPort');
  const get = (): Promise<unknown> => kubectl.json('get', 'service', 'podinfo', '-n', 'default');
  const wanted = port(await get());
  const patch = JSON.stringify([{ op: 'replace', path: '/spec/ports/0/targetPort', value: 'http-metrics' }]);
  await kubectl.text(['patch', 'service', 'podinfo', '-n', 'default', '--type=json', '-p', patch]);
  const repairedMs = Date.now();
  await eventually(30_000, async () => checkSame('targetPort of Service podinfo', port(await get()), wanted));
  check(port(await get()) !== 'http-metrics', 'the drift stays');
  return `nothing was written for ${quietMs / 1000} s; a changed Service was repaired in ${Date.now() - repairedMs} ms`;
}
