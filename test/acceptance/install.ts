import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getApplication, inventoryOf, rolloutOf, syncNames, syncOf } from './application.ts';
import { check, checkMatch, checkSame, eventually } from './checks.ts';
import { hashPattern, podinfoInventory, revisionPattern, timePattern, webappInventory } from './expected.ts';
import { checkKeptAlone, checkMemberObjects, checkMemberPods } from './installed-objects.ts';
import type { Row } from './row.ts';
import { parseTable } from './table.ts';
import { at, conditionOf, listAt, namesOf, numberAt, textAt } from './values.ts';
import { applicationName, changed, object } from './walkthrough.ts';
import { fileOf, firstMember, type World } from './world.ts';

/** What the reference gives the source, and the statuses of the syncs. */
const sourceMs = 60_000;
const syncMs = 180_000;

/** 7.2: the Application is applied and installed. */
export const install: readonly Row[] = [
  { id: 'A1', title: 'kubectl apply creates the Application', needs: ['P6', 'P8'], run: apply },
  {
    id: 'A2',
    title: 'kubectl get application -oyaml shows it',
    needs: ['A1'],
    run: async ({ host }) => {
      const yaml = await host.text(['get', 'application', applicationName, '-oyaml']);
      checkMatch('the output', yaml, /^apiVersion: apps\.kurator\.dev\/v1alpha1$/m);
      checkMatch('the output', yaml, /^kind: Application$/m);
      checkMatch('the output', yaml, /^ {2}namespace: default$/m);
      return 'apps.kurator.dev/v1alpha1, Application, default';
    },
  },
  {
    id: 'A3',
    title: 'its metadata',
    needs: ['A1'],
    run: (world) => explained(world, sourceMs, metadata),
  },
  { id: 'A4', title: 'its spec is the input and two defaults', needs: ['A1'], run: spec },
  {
    id: 'A5',
    title: 'status.sourceStatus.gitRepoStatus',
    needs: ['A1'],
    run: (world) => explained(world, sourceMs, sourceStatus),
  },
  {
    id: 'A6',
    title: 'status.syncStatus has an entry for each policy on each cluster',
    needs: ['A1'],
    run: (world) => explained(world, syncMs, syncStatus),
  },
  {
    id: 'A7',
    title: 'each kustomizationStatus',
    needs: ['A1'],
    run: (world) => explained(world, syncMs, kustomizationStatus),
  },
  {
    id: 'A8',
    title: 'rolloutStatus of the first policy',
    needs: ['A1'],
    run: (world) => explained(world, installMs(world), rolloutStatus),
  },
  { id: 'A9', title: 'what the host keeps', needs: ['A7'], run: hostObjects },
  {
    id: 'A10',
    title: 'namespace, test loader and Canary on each member',
    needs: ['A1'],
    run: async (world) => {
      const { members, application } = world;
      const look = (): Promise<unknown> =>
        Promise.all(members.map(({ kubectl }) => checkMemberObjects(kubectl, application)));
      await eventually(installMs(world), look);
      return `as the reference has them, on ${members.length} members`;
    },
  },
  {
    id: 'A11',
    title: 'kubectl get canary says Initialized',
    needs: ['A1'],
    run: (world) => explained(world, installMs(world), canaryTable),
  },
  {
    id: 'A12',
    title: 'pods, Service and routes on each member',
    needs: ['A11'],
    run: async (world) => {
      const { members } = world;
      await eventually(60_000, () => Promise.all(members.map(({ kubectl }) => checkMemberPods(kubectl))));
      return 'primary, frontend, test loader and podinfo run; Service and routes lead to the primary';
    },
  },
  { id: 'A13', title: 'what the rollout owns is left alone', needs: ['A11'], run: checkKeptAlone },
];

/** A bootstrap takes two intervals and what pods need to start. */
export function installMs({ intervalMs }: World): number {
  return 2 * intervalMs + 120_000;
}

/** As `eventually`. A failure also tells what the Application itself says. */
async function explained(world: World, ms: number, look: (world: World) => Promise<string>): Promise<string> {
  try {
    return await eventually(ms, () => look(world));
  } catch (error) {
    const application = await getApplication(world.host, applicationName).catch(() => undefined);
    const said = listAt(application, 'status', 'conditions')
      .filter((condition) => at(condition, 'status') !== 'True')
      .map(
        (condition) =>
          `\n${textAt(condition, 'type')} ${textAt(condition, 'reason')}: ${textAt(condition, 'message')}`,
      );
    if (error instanceof Error && said.length > 0) error.message += `\nThe Application says:${said.join('')}`;
    throw error;
  }
}

async function apply({ host, application, folder }: World): Promise<string> {
  const published = 'examples/rollout/blue_green.yaml';
  check(existsSync(fileOf(published)), `there is no ${published}`);
  const file = join(folder, 'blue_green.yaml');
  await writeFile(file, JSON.stringify(application));
  const printed = (await host.text(['apply', '-f', file])).trim();
  checkSame('what kubectl apply prints', printed, `application.apps.kurator.dev/${applicationName} created`);
  return printed;
}

async function metadata({ host, application }: World): Promise<string> {
  const { metadata } = object(await getApplication(host, applicationName));
  const annotations = object(metadata, 'annotations');
  const applied = textAt(annotations, 'kubectl.kubernetes.io/last-applied-configuration');
  const parsed = changed(JSON.parse(applied), (copy) => delete object(copy, 'metadata')['annotations']);
  checkSame('the last applied configuration', parsed, application);
  checkSame('finalizers', at(metadata, 'finalizers'), ['apps.kurator.dev']);
  checkSame('generation', at(metadata, 'generation'), 1);
  checkSame('labels', at(metadata, 'labels'), undefined);
  return 'last applied configuration, finalizer, generation 1, no labels';
}

async function spec({ host, application }: World): Promise<string> {
  const expected = changed(application, (copy) => {
    object(copy, 'spec', 'source', 'gitRepository')['gitImplementation'] = 'go-git';
    for (const policy of [0, 1])
      object(copy, 'spec', 'syncPolicies', policy, 'kustomization')['force'] = false;
  });
  const actual = at(await getApplication(host, applicationName), 'spec');
  checkSame('spec', actual, at(expected, 'spec'));
  const [first, second] = listAt(actual, 'syncPolicies');
  const durations = [
    at(actual, 'source', 'gitRepository', 'timeout'),
    at(first, 'kustomization', 'interval'),
    at(first, 'kustomization', 'timeout'),
    at(second, 'kustomization', 'interval'),
    at(second, 'kustomization', 'timeout'),
  ];
  checkSame('durations', durations, ['1m0s', '0s', '2m0s', '5m0s', '2m0s']);
  return 'gitImplementation: go-git and force: false, nothing else';
}

async function sourceStatus({ host }: World): Promise<string> {
  const status = at(await getApplication(host, applicationName), 'status', 'sourceStatus', 'gitRepoStatus');
  const artifact = at(status, 'artifact');
  const revision = textAt(artifact, 'revision');
  checkMatch('artifact.revision', revision, revisionPattern);
  const base = 'http://source-controller.fluxcd-system.svc.cluster.local./';
  const folder = `gitrepository/default/${applicationName}`;
  const path = `${folder}/${revision.replace('master@sha1:', '')}.tar.gz`;
  checkSame('artifact.path', at(artifact, 'path'), path);
  checkSame('artifact.url', at(artifact, 'url'), `${base}${path}`);
  checkSame('url', at(status, 'url'), `${base}${folder}/latest.tar.gz`);
  checkMatch('artifact.digest', at(artifact, 'digest'), /^sha256:[0-9a-f]{64}$/);
  checkMatch('artifact.lastUpdateTime', at(artifact, 'lastUpdateTime'), timePattern);
  check(numberAt(artifact, 'size') > 0, 'artifact.size is not above 0');
  checkSame('observedGeneration', at(status, 'observedGeneration'), 1);
  const types = listAt(status, 'conditions').map((condition) => textAt(condition, 'type'));
  checkSame('the conditions', types.sort(), ['ArtifactInStorage', 'Ready']);
  for (const type of types) {
    checkCondition(conditionOf(status, type), {
      type,
      status: 'True',
      reason: 'Succeeded',
      message: `stored artifact for revision '${revision}'`,
      observedGeneration: 1,
    });
  }
  return revision;
}

/** Compares all but the time, which only has to be one. */
function checkCondition(condition: unknown, expected: object): void {
  const { lastTransitionTime, ...rest } = object(condition);
  checkSame('the condition', rest, expected);
  checkMatch('lastTransitionTime', lastTransitionTime, timePattern);
}

async function syncStatus(world: World): Promise<string> {
  const application = await getApplication(world.host, applicationName);
  const names = listAt(application, 'status', 'syncStatus').map((sync) => textAt(sync, 'name'));
  checkSame('the names of syncStatus', names, syncNames(applicationName, 2, world));
  return names.join(', ');
}

async function kustomizationStatus({ host, members }: World): Promise<string> {
  const application = await getApplication(host, applicationName);
  const revision = textAt(application, 'status', 'sourceStatus', 'gitRepoStatus', 'artifact', 'revision');
  for (const { name } of members) {
    for (const policy of [0, 1]) {
      const sync = syncOf(application, policy, name);
      const status = at(sync, 'kustomizationStatus');
      const { observedGeneration: _, ...ready } = object(conditionOf(status, 'Ready'));
      checkCondition(ready, {
        type: 'Ready',
        status: 'True',
        reason: 'ReconciliationSucceeded',
        message: `Applied revision: ${revision}`,
      });
      checkSame('lastAppliedRevision', at(status, 'lastAppliedRevision'), revision);
      checkSame('lastAttemptedRevision', at(status, 'lastAttemptedRevision'), revision);
      checkSame('observedGeneration', at(status, 'observedGeneration'), 1);
      const inventory = policy === 0 ? webappInventory : podinfoInventory;
      checkSame(`the inventory of ${textAt(sync, 'name')}`, inventoryOf(sync), inventory);
    }
  }
  return `Applied revision: ${revision}`;
}

async function rolloutStatus({ host, members }: World): Promise<string> {
  const application = await getApplication(host, applicationName);
  for (const { name } of members) {
    const { conditions, lastAppliedSpec, lastPromotedSpec, lastTransitionTime, ...counters } = object(
      rolloutOf(application, name),
    );
    const expected = {
      canaryWeight: 0,
      failedChecks: 0,
      iterations: 0,
      phase: 'Initialized',
      trackedConfigs: {},
    };
    checkSame('backupStatusInCluster', counters, expected);
    checkSame('the number of conditions', listAt(conditions).length, 1);
    checkPromoted(listAt(conditions)[0], 'True', 'Initialized', 'Deployment initialization completed.');
    checkMatch('lastAppliedSpec', lastAppliedSpec, hashPattern);
    checkSame('lastPromotedSpec', lastPromotedSpec, lastAppliedSpec);
    checkMatch('lastTransitionTime', lastTransitionTime, timePattern);
    checkSame(
      'rolloutStatus of the second policy',
      at(syncOf(application, 1, name), 'rolloutStatus'),
      undefined,
    );
  }
  return `Initialized on ${members.length} members, both spellings alike`;
}

/** Checks the one condition of a Canary. */
export function checkPromoted(condition: unknown, status: string, reason: string, message: string): void {
  const { lastTransitionTime, lastUpdateTime, ...rest } = object(condition);
  checkSame('the condition', rest, { type: 'Promoted', status, reason, message });
  checkMatch('lastTransitionTime of the condition', lastTransitionTime, timePattern);
  checkMatch('lastUpdateTime of the condition', lastUpdateTime, timePattern);
}

/** Our reading: there are no objects of Flux; the Application itself says what is where. */
async function hostObjects(world: World): Promise<string> {
  const { host } = world;
  for (const kind of [
    'gitrepositories.source.toolkit.fluxcd.io',
    'kustomizations.kustomize.toolkit.fluxcd.io',
  ]) {
    const { code, stdout, stderr } = await host.run([
      'get',
      kind,
      '-l',
      `apps.kurator.dev/app-name=${applicationName}`,
      '-o',
      'json',
    ]);
    if (code !== 0) checkMatch(`the answer about ${kind}`, stderr, /the server doesn't have a resource type/);
    else checkSame(kind, namesOf(JSON.parse(stdout)), []);
  }
  const application = await getApplication(host, applicationName);
  const kept = listAt(application, 'status', 'inventory').map((item) => textAt(item, 'name'));
  checkSame(
    'the names of status.inventory',
    kept.toSorted(),
    syncNames(applicationName, 2, world).toSorted(),
  );
  return 'no objects of Flux; status.inventory says what is on which cluster';
}

async function canaryTable(world: World): Promise<string> {
  const { name, kubectl } = firstMember(world);
  const { header, rows } = parseTable(await kubectl.text(['get', 'canary', '-n', 'webapp']));
  checkSame('the header', header, ['NAME', 'STATUS', 'WEIGHT', 'LASTTRANSITIONTIME']);
  const [row = []] = rows;
  checkSame('the row without its time', row.slice(0, 3), ['backend', 'Initialized', '0']);
  checkMatch('the time', row[3], timePattern);
  const status = rolloutOf(await getApplication(world.host, applicationName), name);
  checkSame("the Application's lastTransitionTime", at(status, 'lastTransitionTime'), row[3]);
  return row.join(' ');
}
