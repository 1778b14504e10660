import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getApplication } from './application.ts';
import { CanaryWatch } from './canary-watch.ts';
import { check, checkSame, eventually } from './checks.ts';
import { checkAllGone, checkMemberEmpty, deleteApplication, removalMs } from './removal.ts';
import type { Member } from './clusters.ts';
import { imageOf, otherImage, setImage } from './deployments.ts';
import { installMs } from './install.ts';
import { noticeMs, promotionMs } from './canary-run.ts';
import { at } from './values.ts';
import { applicationName } from './walkthrough.ts';
import type { World } from './world.ts';

/** Deleted while one member is in the middle of a rollout. */
export async function midFlight(world: World): Promise<string> {
  await reinstall(world);
  const [member] = world.members;
  check(member !== undefined, 'there is no member');
  const { kubectl } = member;
  const watch = new CanaryWatch(kubectl, 'webapp', 'backend');
  try {
    await watch.until(['Initialized'], installMs(world));
    await setImage(kubectl, otherImage(await imageOf(kubectl, 'deployment/backend')));
    await watch.until(['Progressing'], noticeMs(world));
    await watch.untilRow(({ iterations }) => iterations >= 1, promotionMs(world), 'at its first iteration');
  } finally {
    watch.close();
  }
  const start = Date.now();
  await deleteApplication(world, applicationName);
  await checkAllGone(world);
  return `in the middle of a rollout: ${Date.now() - start} ms`;
}

/** Deleted while a member cannot be reached: the others are cleaned, this one is named, and cleaned when it is back. */
export async function breakOff(world: World): Promise<string> {
  const { host, members, folder } = world;
  await reinstall(world);
  const away = members.at(-1);
  check(away !== undefined, 'there is no member');
  const there = members.filter((member) => member !== away);
  const kubeconfig = await readFile(away.kubectl.kubeconfig, 'utf8');
  // Nobody listens at port 1.
  const broken = join(folder, 'broken.config');
  await writeFile(broken, kubeconfig.replace(/^(\s*server:).*$/m, '$1 https://127.0.0.1:1'));
  await putKubeconfig(world, away, broken);
  let named = '';
  try {
    await eventually(60_000, async () => {
      const cluster = await host.json('get', 'attachedcluster', away.name);
      checkSame(`ready of ${away.name}`, at(cluster, 'status', 'ready'), false);
    });
    await host.text(['delete', 'application', applicationName, '--wait=false']);
    await eventually(removalMs, () => Promise.all(there.map(({ kubectl }) => checkMemberEmpty(kubectl))));
    named = await eventually(60_000, async () => {
      const status = at(await getApplication(host, applicationName), 'status');
      const conditions = JSON.stringify(at(status, 'conditions') ?? []);
      check(conditions.includes(away.name), `no condition names ${away.name}: ${conditions}`);
      return away.name;
    });
  } finally {
    await putKubeconfig(world, away, away.kubectl.kubeconfig);
  }
  await eventually(removalMs, async () => {
    const left = await host.find('get', 'application', applicationName);
    check(left === undefined, 'the Application is still there although all members are back');
  });
  await checkAllGone(world);
  return `${named} was named while it was away, and cleaned when it was back`;
}

async function putKubeconfig({ host }: World, { name }: Member, file: string): Promise<void> {
  const create = ['create', 'secret', 'generic', name, `--from-file=${name}.config=${file}`];
  const secret = JSON.parse(await host.text([...create, '--dry-run=client', '-o', 'json'])) as unknown;
  await host.text(['replace', '-f', '-'], { input: JSON.stringify(secret) });
}

/** Applies the walkthrough's Application where there is none. */
async function reinstall(world: World): Promise<void> {
  const { host, application, members } = world;
  await host.apply(application);
  await Promise.all(
    members.map(async ({ kubectl }) =>
      eventually(installMs(world), async () => {
        const canary = await kubectl.find('get', 'canary', 'backend', '-n', 'webapp').catch(() => undefined);
        const phase = at(canary, 'status', 'phase');
        check(phase === 'Initialized' || phase === 'Succeeded', `the Canary is ${String(phase)}`);
      }),
    ),
  );
}
