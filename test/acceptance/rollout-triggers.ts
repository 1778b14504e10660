import type { CanaryWatch } from './canary-watch.ts';
import { check, checkSame } from './checks.ts';
import { imageOf, otherImage, patch, putTemplate, setImage, templateOf } from './deployments.ts';
import type { Kubectl } from './kubectl.ts';
import { noticeMs, promotionMs, watchCanary, settled } from './canary-run.ts';
import { object } from './walkthrough.ts';
import { firstMember, type World } from './world.ts';

const config = 'acceptance-config';
const secret = 'acceptance-secret';
const pod = '/spec/template/spec';
const webapp = ['-n', 'webapp'] as const;

interface Trigger {
  readonly name: string;
  pull(kubectl: Kubectl): Promise<unknown>;
}

const templateTriggers: readonly Trigger[] = [
  {
    name: 'command',
    pull: (kubectl) =>
      patch(kubectl, [{ op: 'add', path: `${pod}/containers/0/command/-`, value: '--level=warn' }]),
  },
  {
    name: 'env',
    pull: (kubectl) => kubectl.text([...webapp, 'set', 'env', 'deployment/backend', 'ACCEPTANCE=1']),
  },
  {
    name: 'resources',
    pull: (kubectl) =>
      kubectl.text([
        ...webapp,
        'set',
        'resources',
        'deployment/backend',
        '-c',
        'backend',
        '--requests=cpu=110m',
      ]),
  },
];

const configTriggers: readonly Trigger[] = [
  { name: 'ConfigMap', pull: (kubectl) => setData(kubectl, 'configmap', config, { ACCEPTANCE: 'changed' }) },
  {
    name: 'Secret',
    pull: (kubectl) =>
      setData(kubectl, 'secret', secret, { token: Buffer.from('changed').toString('base64') }),
  },
];

/**
 * Each change starts a rollout. Going back ends it: the version that was promoted is not tested again. Configs have to be
 * used by the promoted version before their change is one, so one rollout goes to its end.
 */
export async function startedByEachChange(world: World): Promise<string> {
  const { kubectl } = firstMember(world);
  const watch = await watchCanary(world);
  try {
    await align(world, kubectl, watch);
    const template = await templateOf(kubectl);
    for (const trigger of templateTriggers) {
      await startsOne(world, watch, trigger.name, () => trigger.pull(kubectl));
      await endsOne(world, watch, trigger.name, () => putTemplate(kubectl, template));
    }
    await setData(kubectl, 'configmap', config, { ACCEPTANCE: 'first' });
    await setData(kubectl, 'secret', secret, { token: Buffer.from('first').toString('base64') });
    await startsOne(world, watch, 'configs', () => useConfigs(kubectl));
    const last = await watch.until(['Succeeded', 'Failed'], promotionMs(world));
    checkSame('the phase after configs were added', last.phase, 'Succeeded');
    await checkTracked(kubectl);
    for (const trigger of configTriggers) {
      await startsOne(world, watch, trigger.name, () => trigger.pull(kubectl));
      await endsOne(world, watch, trigger.name, () => firstData(kubectl));
    }
    await startsOne(world, watch, 'the end of the configs', () => putTemplate(kubectl, template));
    await watch.until(['Succeeded'], promotionMs(world));
  } finally {
    watch.close();
    await kubectl.text([
      'delete',
      `configmap/${config}`,
      `secret/${secret}`,
      ...webapp,
      '--ignore-not-found',
    ]);
  }
  return [...templateTriggers, ...configTriggers].map(({ name }) => name).join(', ');
}

/** While a rollout goes on, another version starts its analysis from the beginning. */
export async function restartedByAnotherChange(world: World): Promise<string> {
  const { kubectl } = firstMember(world);
  const watch = await watchCanary(world);
  try {
    await align(world, kubectl, watch);
    const before = await imageOf(kubectl, 'deployment/backend-primary');
    const first = otherImage(before);
    await startsOne(world, watch, first, () => setImage(kubectl, first));
    await watch.untilRow(({ iterations }) => iterations >= 2, promotionMs(world), 'at its second iteration');
    const count = watch.rows.length;
    await setImage(kubectl, otherImage(before, first));
    const isAgain = ({
      iterations,
      failedChecks,
      weight,
    }: {
      iterations: number;
      failedChecks: number;
      weight: number;
    }): boolean => iterations === 0 && failedChecks === 0 && weight === 0;
    await watch.untilNew(count, isAgain, noticeMs(world), 'at its beginning again');
    await watch.untilNew(
      count + 1,
      ({ iterations }) => iterations >= 1,
      promotionMs(world),
      'at its first iteration',
    );
    const phases = watch.rows.slice(count).map(({ phase }) => phase);
    check(
      phases.every((phase) => phase === 'Progressing'),
      `the phase did not stay Progressing: ${phases.join()}`,
    );
    await endsOne(world, watch, 'the second version', () => setImage(kubectl, before));
    return 'counters 0, Progressing all the time';
  } finally {
    watch.close();
  }
}

/** Puts the promoted image back on the target, so that a template can be restored to what is promoted. */
async function align(world: World, kubectl: Kubectl, watch: CanaryWatch): Promise<void> {
  const image = await imageOf(kubectl, 'deployment/backend-primary');
  if ((await imageOf(kubectl, 'deployment/backend')) === image) return;
  await setImage(kubectl, image);
  await watch.until(settled, promotionMs(world));
}

async function startsOne(
  world: World,
  watch: CanaryWatch,
  what: string,
  change: () => Promise<unknown>,
): Promise<void> {
  const count = watch.rows.length;
  await change();
  await watch.untilNew(
    count,
    ({ phase }) => phase === 'Progressing',
    noticeMs(world),
    `Progressing by ${what}`,
  );
}

/** Going back to what is promoted ends a rollout without a test. */
async function endsOne(
  world: World,
  watch: CanaryWatch,
  what: string,
  change: () => Promise<unknown>,
): Promise<void> {
  const count = watch.rows.length;
  await change();
  const end = await watch.untilNew(
    count,
    ({ phase }) => phase !== 'Progressing',
    promotionMs(world),
    `back from ${what}`,
  );
  checkSame(`the phase after going back from ${what}`, end.phase, 'Initialized');
}

async function setData(
  kubectl: Kubectl,
  kind: 'configmap' | 'secret',
  name: string,
  data: Readonly<Record<string, string>>,
): Promise<void> {
  const kinds = { configmap: 'ConfigMap', secret: 'Secret' };
  await kubectl.apply({ apiVersion: 'v1', kind: kinds[kind], metadata: { name, namespace: 'webapp' }, data });
}

async function firstData(kubectl: Kubectl): Promise<void> {
  await setData(kubectl, 'configmap', config, { ACCEPTANCE: 'first' });
  await setData(kubectl, 'secret', secret, { token: Buffer.from('first').toString('base64') });
}

/** One config in the environment, one in a volume. */
async function useConfigs(kubectl: Kubectl): Promise<void> {
  await patch(kubectl, [
    { op: 'add', path: `${pod}/containers/0/envFrom`, value: [{ configMapRef: { name: config } }] },
    { op: 'add', path: `${pod}/volumes`, value: [{ name: 'acceptance', secret: { secretName: secret } }] },
    {
      op: 'add',
      path: `${pod}/containers/0/volumeMounts`,
      value: [{ name: 'acceptance', mountPath: '/acceptance' }],
    },
  ]);
}

async function checkTracked(kubectl: Kubectl): Promise<void> {
  const canary = await kubectl.json('get', 'canary', 'backend', ...webapp);
  const tracked = Object.keys(object(canary, 'status', 'trackedConfigs')).sort();
  checkSame('trackedConfigs', tracked, [`configmap/${config}`, `secret/${secret}`]);
}
