import { getApplication, rolloutOf } from './application.ts';
import { checkPromotion, phasesOf } from './canary-rows.ts';
import { analysisTimes, noticeMs, promotionMs, settled, watchCanary } from './canary-run.ts';
import { CanaryWatch } from './canary-watch.ts';
import { check, checkMatch, checkSame, eventually } from './checks.ts';
import { imageOf, loaderPod, otherImage, setImage } from './deployments.ts';
import { hashPattern } from './expected.ts';
import { checkPromoted } from './install.ts';
import { checkNoTarget } from './installed-objects.ts';
import type { Kubectl } from './kubectl.ts';
import { restartedByAnotherChange, startedByEachChange } from './rollout-triggers.ts';
import { type Row, skip } from './row.ts';
import { at, listAt, textAt } from './values.ts';
import { applicationName, object } from './walkthrough.ts';
import { firstMember, type World } from './world.ts';

/** 7.3: a new version passes. */
export const rollout: readonly Row[] = [
  { id: 'B1', title: 'a new image on one member starts a rollout', needs: ['A11'], run: startRollout },
  { id: 'B2', title: 'its rows in kubectl get canary -w', needs: ['B1'], run: rows },
  { id: 'B3', title: 'new pods, and load on them', needs: ['B2'], run: podsAndLoad },
  { id: 'B4', title: 'routes 0/100 for an interval, then 100/0', needs: ['B2'], run: routes },
  { id: 'B5', title: 'the primary runs the new image, the target nothing', needs: ['B2'], run: promoted },
  {
    id: 'B6',
    title: 'the Application says Succeeded',
    needs: ['B2'],
    run: (world) => eventually(30_000, () => succeeded(world)),
  },
  { id: "B1'", title: 'a new image in git rolls out on every member', needs: ['A11'], run: rolloutFromGit },
  {
    id: 'B7',
    title: 'command, env, resources, ConfigMaps and Secrets start rollouts',
    needs: ['A11'],
    run: startedByEachChange,
  },
  {
    id: 'B8',
    title: 'another change starts the analysis again',
    needs: ['A11'],
    run: restartedByAnotherChange,
  },
];

/** Sets another image on the first member, and waits until the Canary has noticed. */
export async function startRollout(world: World): Promise<string> {
  const { kubectl } = firstMember(world);
  const watch = await watchCanary(world);
  const before = await imageOf(kubectl, 'deployment/backend-primary');
  const image = otherImage(before, await imageOf(kubectl, 'deployment/backend'));
  world.notes.run = { watch, image, before };
  world.notes.application = await getApplication(world.host, applicationName);
  const count = watch.rows.length;
  const start = Date.now();
  const printed = (await setImage(kubectl, image)).trim();
  checkSame('what kubectl set image prints', printed, 'deployment.apps/backend image updated');
  const noticed = await watch.untilNew(
    count,
    ({ phase }) => phase === 'Progressing',
    noticeMs(world),
    'Progressing',
  );
  return `${image}: Progressing after ${noticed.at - start} ms`;
}

/** What B1 has left. */
export function runOf({ notes }: World): NonNullable<World['notes']['run']> {
  if (notes.run === undefined) throw new Error('no rollout was started');
  return notes.run;
}

async function rows(world: World): Promise<string> {
  const { watch } = runOf(world);
  await watch.until(['Succeeded', 'Failed'], promotionMs(world));
  const said = checkPromotion(watch.run, { analysisTimes, intervalMs: world.intervalMs });
  await eventually(5000, async () => checkTable(watch));
  return said;
}

/** The table to the letter, as a person sees it. */
function checkTable(watch: CanaryWatch): void {
  const [header, ...lines] = watch.table.lines.map(({ cells }) => cells);
  checkSame('the header', header, ['NAME', 'STATUS', 'WEIGHT', 'LASTTRANSITIONTIME']);
  const phases = lines.map(([, phase]) => phase).filter((phase, i, all) => phase !== all[i - 1]);
  const wanted = ['Progressing', 'Promoting', 'Finalising', 'Succeeded'];
  checkSame('the phases of the table', phases.slice(-4), wanted);
  check(
    lines.every(([, , weight]) => weight === '0'),
    'the table shows a WEIGHT other than 0',
  );
}

async function podsAndLoad(world: World): Promise<string> {
  const { watch, image } = runOf(world);
  const { kubectl } = firstMember(world);
  const promoting = watch.run.find(({ phase }) => phase === 'Promoting')?.at ?? 0;
  const pods = watch.pods.filter(({ at: when, value }) => when < promoting && value.images.includes(image));
  check(
    pods.some(({ value }) => value.isReady),
    `no pod of ${image} was ready during the analysis`,
  );
  const names = new Set(pods.map(({ value }) => value.name));
  for (const name of names) checkMatch('the name of a new pod', name, /^backend-[a-z0-9]+-[a-z0-9]+$/);
  const log = await kubectl.text(['logs', '-n', 'webapp', await loaderPod(kubectl), '-c', 'loadtester']);
  const command = 'hey -z 1m -q 10 -c 2 http://backend-canary.webapp:9898/';
  const posts = log.split('\n').filter((line) => line.includes(command)).length;
  check(posts > 0, `the test loader has no line about ${command}`);
  return `${[...names].join(', ')}; ${posts} lines about hey in the log of the test loader`;
}

async function routes(world: World): Promise<string> {
  const { watch } = runOf(world);
  const [before, ...run] = watch.run;
  const last = run.findLast(({ phase }) => phase === 'Progressing');
  const finalising = run.find(({ phase }) => phase === 'Finalising');
  check(last !== undefined && finalising !== undefined, 'the rollout has not come to its end');
  const since = watch.weights.filter(({ at: when }) => when >= (before?.at ?? 0));
  const changes = since
    .map(({ at: when, value }) => ({ when, split: `${value.primary}/${value.canary}` }))
    .filter(({ split }, i, all) => split !== all[i - 1]?.split);
  const splits = changes.map(({ split }) => split);
  checkSame('the weights', splits[0] === '100/0' ? splits.slice(1) : splits, ['0/100', '100/0']);
  const [there, back] = changes.slice(-2);
  const spentMs = (back?.when ?? 0) - (there?.when ?? 0);
  check(
    spentMs >= world.intervalMs - 2000,
    `the new version got all requests for ${spentMs} ms, less than the interval`,
  );
  check(
    Math.abs((there?.when ?? 0) - last.at) < 3000,
    'the routes were not switched with the last row of Progressing',
  );
  return `0/100 for ${Math.round(spentMs / 100) / 10} s`;
}

async function promoted(world: World): Promise<string> {
  const { image } = runOf(world);
  const { kubectl } = firstMember(world);
  checkSame('the image of backend-primary', await imageOf(kubectl, 'deployment/backend-primary'), image);
  await eventually(60_000, () => checkNoTarget(kubectl));
  return image;
}

async function succeeded(world: World): Promise<string> {
  const { name } = firstMember(world);
  const { watch } = runOf(world);
  const status = rolloutOf(await getApplication(world.host, applicationName), name);
  const { conditions, lastAppliedSpec, lastPromotedSpec, lastTransitionTime, failedChecks, ...rest } =
    object(status);
  checkSame('the status', rest, { canaryWeight: 0, iterations: 0, phase: 'Succeeded', trackedConfigs: {} });
  const message = 'Canary analysis completed successfully, promotion finished.';
  const [condition] = listAt(conditions);
  checkPromoted(condition, 'True', 'Succeeded', message);
  checkSame('lastTransitionTime', lastTransitionTime, at(condition, 'lastTransitionTime'));
  checkMatch('lastAppliedSpec', lastAppliedSpec, hashPattern);
  checkSame('lastPromotedSpec', lastPromotedSpec, lastAppliedSpec);
  const before = textAt(rolloutOf(world.notes.application, name), 'lastPromotedSpec');
  check(lastAppliedSpec !== before, `lastAppliedSpec is still ${before}`);
  const last = watch.rows.at(-1);
  checkSame('failedChecks', failedChecks, last?.failedChecks);
  return `${before} → ${textAt(status, 'lastAppliedSpec')}`;
}

/** The commit comes to every member at once, and each rolls out on its own. */
async function rolloutFromGit(world: World): Promise<string> {
  const { repository, members } = world;
  if (repository.commit === undefined)
    skip('the repository is not ours to commit to: name a local folder with --repo');
  const watches = members.map(({ kubectl }) => new CanaryWatch(kubectl, 'webapp', 'backend'));
  try {
    const running = await Promise.all(
      members.map(({ kubectl }) => imageOf(kubectl, 'deployment/backend-primary')),
    );
    await Promise.all(watches.map((watch) => watch.until(settled, promotionMs(world))));
    const image = otherImage(...running);
    const counts = watches.map((watch) => watch.rows.length);
    await repository.commit('deploy/webapp/backend/deployment.yaml', (text) =>
      text.replace(/image: .*podinfo:.*/, `image: ${image}`),
    );
    await Promise.all(
      watches.map((watch, i) =>
        watch.untilNew(
          counts[i] ?? 0,
          ({ phase }) => phase === 'Progressing',
          60_000 + world.intervalMs,
          'Progressing',
        ),
      ),
    );
    await Promise.all(watches.map((watch) => watch.until(['Succeeded', 'Failed'], promotionMs(world))));
    for (const [i, watch] of watches.entries()) {
      check(watch.rows.at(-1)?.phase === 'Succeeded', `${members[i]?.name ?? ''}: ${phasesOf(watch.run)}`);
    }
    await Promise.all(members.map(({ kubectl }) => hasImage(kubectl, image)));
    return `${image} on ${members.length} members: ${watches.map((watch) => phasesOf(watch.run)).join('; ')}`;
  } finally {
    for (const watch of watches) watch.close();
  }
}

async function hasImage(kubectl: Kubectl, image: string): Promise<void> {
  checkSame('the image of backend-primary', await imageOf(kubectl, 'deployment/backend-primary'), image);
}
