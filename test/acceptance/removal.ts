import { checkMatch, checkSame, eventually } from './checks.ts';
import type { Kubectl } from './kubectl.ts';
import { namesOf } from './values.ts';
import { applicationName, proseName } from './walkthrough.ts';
import type { World } from './world.ts';

/** How long a removal may take, in milliseconds. */
export const removalMs = 120_000;

/** @returns what kubectl prints */
export async function deleteApplication({ host }: World, name: string): Promise<string> {
  const printed = (await host.text(['delete', 'application', name], { timeoutMs: removalMs })).trim();
  const wanted = new RegExp(
    `^application\\.apps\\.kurator\\.dev "${name}" deleted( from default namespace)?$`,
  );
  checkMatch('what kubectl delete prints', printed, wanted);
  return printed;
}

const ours = [applicationName, proseName];

/** @throws Error where somebody has an Application that rows would change */
export async function refuseTaken(host: Kubectl): Promise<void> {
  for (const name of ours) {
    const { code } = await host.run(['get', 'application', name]);
    if (code === 0)
      throw new Error(`the host has an Application ${name}, which this list would change: delete it first`);
  }
}

/** Removes what rows have left. It fails where there are no Applications at all; nothing is to be done then. */
export async function removeApplications(host: Kubectl): Promise<void> {
  const wait = ['--ignore-not-found', `--timeout=${removalMs / 1000}s`];
  await host.run(['delete', 'application', ...ours, ...wait], { timeoutMs: 2 * removalMs });
}

export async function checkAllGone({ members }: World): Promise<void> {
  await eventually(removalMs, () => Promise.all(members.map(({ kubectl }) => checkMemberEmpty(kubectl))));
}

export async function checkMemberEmpty(kubectl: Kubectl): Promise<void> {
  const namespace = await kubectl.find('get', 'namespace', 'webapp');
  checkSame('namespace webapp', namespace === undefined ? undefined : 'there', undefined);
  for (const kind of ['deployment', 'service', 'horizontalpodautoscaler']) {
    const found = await kubectl.find('get', kind, 'podinfo', '-n', 'default');
    checkSame(`${kind} podinfo`, found === undefined ? undefined : 'there', undefined);
  }
  for (const kind of ['canary', 'metrictemplate']) {
    checkSame(`${kind} anywhere`, namesOf(await kubectl.json('get', kind, '-A')), []);
  }
}
