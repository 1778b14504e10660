import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getApplication, inventoryOf, syncNames, syncOf } from './application.ts';
import { CanaryWatch } from './canary-watch.ts';
import { check, checkSame, eventually, show } from './checks.ts';
import { checkAllGone, deleteApplication, removalMs } from './removal.ts';
import { breakOff, midFlight } from './cleanup-trouble.ts';
import { lostOf, parseHeySummary, sentOf } from './hey-summary.ts';
import { install } from './install.ts';
import type { Kubectl } from './kubectl.ts';
import { checkRunning } from './preparation.ts';
import { promotionMs, settled } from './canary-run.ts';
import type { Row } from './row.ts';
import { at, listAt, namesOf, textAt } from './values.ts';
import { applicationName } from './walkthrough.ts';
import { firstMember, type World } from './world.ts';

/** Of the load during the switch, in seconds. */
const loadSeconds = 20;

/** 7.5: the rollout is taken away, then everything. */
export const cleanup: readonly Row[] = [
  { id: 'D1', title: 'kubectl edit removes the rollout', needs: ['A11'], run: edit },
  {
    id: 'D2',
    title: 'the workload runs again, the rollout does not',
    needs: ['D1'],
    run: async (world) => {
      const { members } = world;
      await eventually(removalMs, () =>
        Promise.all(members.map(({ name, kubectl }) => checkRestored(kubectl, name))),
      );
      return 'backend, frontend and podinfo run; no primary, no test loader';
    },
  },
  {
    id: 'D3',
    title: 'nothing of the rollout is left on members, no request was lost',
    needs: ['D2'],
    run: nothingLeft,
  },
  { id: 'D4', title: 'the host keeps its syncs', needs: ['D2'], run: hostKeeps },
  { id: 'D5', title: 'the rollout comes back', needs: ['D2'], run: comesBack },
  { id: 'D6', title: 'kubectl delete removes everything', needs: ['A11'], run: removeAll },
  {
    id: 'D7',
    title: 'deletion in the middle of a rollout, and with a member that is away',
    needs: ['P6', 'P8'],
    run: trouble,
  },
];

/** A person deletes the lines in an editor; ours is a program. */
async function edit(world: World): Promise<string> {
  const { host, folder, members } = world;
  for (const { kubectl } of members) {
    const watch = new CanaryWatch(kubectl, 'webapp', 'backend');
    await watch.until(settled, promotionMs(world)).finally(() => watch.close());
  }
  const before = await getApplication(host, applicationName);
  world.notes.application = before;
  world.notes.load = startLoad(world);
  const editor = join(folder, 'editor.mjs');
  await writeFile(editor, editorProgram);
  const env = { KUBE_EDITOR: `${process.execPath} ${editor}` };
  const printed = (await host.text(['edit', 'application', applicationName], { env })).trim();
  checkSame('what kubectl edit prints', printed, `application.apps.kurator.dev/${applicationName} edited`);
  const after = await getApplication(host, applicationName);
  const generation = Number(at(before, 'metadata', 'generation')) + 1;
  checkSame('generation', at(after, 'metadata', 'generation'), generation);
  checkSame('the rollout in spec', at(after, 'spec', 'syncPolicies', 0, 'rollout'), undefined);
  return `${printed}, generation ${generation}`;
}

/** Takes the block `rollout:` of the first policy out of the YAML that it is given. */
const editorProgram = `
import { readFileSync, writeFileSync } from 'node:fs';
const file = process.argv.at(-1);
const lines = readFileSync(file, 'utf8').split('\\n');
const start = lines.findIndex((line) => /^ +rollout:$/.test(line));
const depth = lines[start].search(/\\S/);
let end = start + 1;
while (lines[end].search(/\\S/) > depth) end++;
lines.splice(start, end - start);
writeFileSync(file, lines.join('\\n'));
`;

/** Requests to the Service from a pod outside of the mesh, while its selector is switched. */
function startLoad(world: World): Promise<string> {
  const { name, kubectl } = firstMember(world);
  const loader = `deployment/istio-system-testloader-${name}-loadtester`;
  const load = ['hey', '-z', `${loadSeconds}s`, '-q', '10', '-c', '2', 'http://backend.webapp:9898/'];
  const sent = kubectl.text(['exec', '-n', 'istio-system', loader, '--', ...load]);
  // It is looked at later.
  sent.catch(() => {});
  return sent;
}

async function checkRestored(kubectl: Kubectl, member: string): Promise<void> {
  const pods = namesOf(await kubectl.json('get', 'po', '-A'));
  const left = pods.filter((pod) => /^backend-(primary|testloader)-/.test(pod));
  checkSame('pods of the rollout', left, []);
  // Pods that start after the rollout has gone need no sidecar.
  await checkRunning(kubectl, 'webapp', /^backend-/, '1/1', '2/2');
  await checkRunning(kubectl, 'webapp', /^frontend-/, '1/1', '2/2');
  await checkRunning(kubectl, 'default', /^podinfo-/, '1/1');
  await checkPluginPods(kubectl, member);
}

async function checkPluginPods(kubectl: Kubectl, member: string): Promise<void> {
  await checkRunning(kubectl, 'istio-system', new RegExp(`^istio-system-flagger-${member}-`), '1/1');
  await checkRunning(kubectl, 'istio-system', new RegExp(`^istio-system-testloader-${member}-`), '1/1');
}

async function nothingLeft(world: World): Promise<string> {
  await eventually(removalMs, () => Promise.all(world.members.map(({ kubectl }) => checkNoRollout(kubectl))));
  const summary = parseHeySummary(await (world.notes.load ?? Promise.resolve('')));
  const sent = sentOf(summary);
  check(sent > 0, 'the load has sent nothing');
  const lost = lostOf(summary);
  // Two connections: what is under way on each may break.
  check(lost <= 2, `${lost} of ${sent} requests were lost: ${show([...summary.statuses])}`);
  return `${sent} requests, ${lost} lost`;
}

async function checkNoRollout(kubectl: Kubectl): Promise<void> {
  const get = async (kind: string): Promise<readonly string[]> =>
    namesOf(await kubectl.json('get', kind, '-n', 'webapp'));
  for (const kind of ['canary', 'metrictemplate', 'virtualservice', 'destinationrule']) {
    checkSame(`${kind} in webapp`, await get(kind), []);
  }
  checkSame('Services in webapp', (await get('service')).toSorted(), ['backend', 'frontend']);
  checkSame('Deployments in webapp', (await get('deployment')).toSorted(), ['backend', 'frontend']);
  const service = await kubectl.json('get', 'service', 'backend', '-n', 'webapp');
  checkSame('the selector of Service backend', at(service, 'spec', 'selector'), { app: 'backend' });
}

/** Our reading of "Kustomization uids unchanged": the syncs are the same ones, with what they had applied. */
async function hostKeeps(world: World): Promise<string> {
  const { host, members, notes } = world;
  const wanted = syncNames(applicationName, 2, world);
  await eventually(30_000, async () => {
    const application = await getApplication(host, applicationName);
    checkSame('uid', at(application, 'metadata', 'uid'), at(notes.application, 'metadata', 'uid'));
    const names = listAt(application, 'status', 'syncStatus').map((sync) => textAt(sync, 'name'));
    checkSame('the names of syncStatus', names, wanted);
    for (const { name } of members) {
      const sync = syncOf(application, 0, name);
      checkSame(`rolloutStatus for ${name}`, at(sync, 'rolloutStatus'), undefined);
      const before = syncOf(notes.application, 0, name);
      const revision = ['kustomizationStatus', 'lastAppliedRevision'];
      checkSame('lastAppliedRevision', at(sync, ...revision), at(before, ...revision));
      checkSame('the inventory', inventoryOf(sync), inventoryOf(before));
    }
  });
  return 'same names, revisions and inventories, no rolloutStatus';
}

/** A8 to A11 again. */
async function comesBack(world: World): Promise<string> {
  const { host, application } = world;
  const printed = (await host.apply(application)).trim();
  checkSame(
    'what kubectl apply prints',
    printed,
    `application.apps.kurator.dev/${applicationName} configured`,
  );
  for (const id of ['A8', 'A10', 'A11']) {
    const row = install.find((other) => other.id === id);
    await row?.run(world).catch((error: unknown) => {
      throw new Error(`${id}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    });
  }
  return 'A8, A10 and A11 hold again';
}

async function removeAll(world: World): Promise<string> {
  const printed = await deleteApplication(world, applicationName);
  await checkAllGone(world);
  const { host, members } = world;
  const fleets = namesOf(await host.json('get', 'fleet.fleet.kurator.dev'));
  check(fleets.includes('quickstart'), 'the Fleet is gone');
  const clusters = namesOf(await host.json('get', 'attachedcluster'));
  for (const { name, kubectl } of members) {
    check(clusters.includes(name), `AttachedCluster ${name} is gone`);
    await checkPluginPods(kubectl, name);
  }
  return printed;
}

/** "With rollout present" is D6. */
async function trouble(world: World): Promise<string> {
  return `${await midFlight(world)}; ${await breakOff(world)}`;
}
