import type { Kubectl } from './kubectl.ts';
import { at, listAt, textAt } from './values.ts';

/* What a person does to the workload on a member. */

/** Versions of podinfo; none has anything that the others lack. */
const tags = ['6.5.0', '6.5.1', '6.5.2', '6.5.3', '6.4.1'] as const;
const repository = 'ghcr.io/stefanprodan/podinfo';

/** An image that is none of these. */
export function otherImage(...images: readonly string[]): string {
  const tag = tags.find((other) => !images.includes(`${repository}:${other}`));
  return `${repository}:${tag ?? '6.4.0'}`;
}

const webapp = ['-n', 'webapp'] as const;

export async function imageOf(kubectl: Kubectl, workload: string): Promise<string> {
  const found = await kubectl.json('get', workload, ...webapp);
  return textAt(found, 'spec', 'template', 'spec', 'containers', 0, 'image');
}

export function setImage(kubectl: Kubectl, image: string, kind = 'deployment'): Promise<string> {
  return kubectl.text(['-n', 'webapp', 'set', 'image', `${kind}/backend`, `backend=${image}`]);
}

/** The pod template of the target, to be put back later. */
export async function templateOf(kubectl: Kubectl): Promise<unknown> {
  return at(await kubectl.json('get', 'deployment', 'backend', ...webapp), 'spec', 'template');
}

export function putTemplate(kubectl: Kubectl, template: unknown): Promise<string> {
  return patch(kubectl, [{ op: 'replace', path: '/spec/template', value: template }]);
}

/** As `kubectl patch --type=json`. */
export function patch(kubectl: Kubectl, operations: readonly object[]): Promise<string> {
  const target = ['patch', 'deployment', 'backend', ...webapp];
  return kubectl.text([...target, '--type=json', '-p', JSON.stringify(operations)]);
}

/** The name of the pod of the private test loader. */
export async function loaderPod(kubectl: Kubectl): Promise<string> {
  const pods = await kubectl.json('get', 'pods', ...webapp, '-l', 'app=backend-testloader');
  const running = listAt(pods, 'items').find(
    (pod) =>
      at(pod, 'status', 'phase') === 'Running' && at(pod, 'metadata', 'deletionTimestamp') === undefined,
  );
  if (running === undefined) throw new Error('no pod of the test loader runs');
  return textAt(running, 'metadata', 'name');
}
