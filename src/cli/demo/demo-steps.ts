import type { Phase } from '../../api/canary-status.ts';
import { applicationKind, attachedClusterKind, fleetKind, secretKind } from '../../fleet/kinds.ts';
import {
  applicationKey,
  attachment,
  documentsOf,
  fleetOf,
  ownRoute,
  valueAt,
  withPace,
} from './demo-manifests.ts';
import { type DemoMember, gatewayKind, virtualServiceKind } from './demo-member.ts';
import { firstVersion } from './demo-repository.ts';
import type { DemoWorld } from './demo-world.ts';

const promotedVersion = '6.6.0';
const localVersion = '6.6.1';
export const faultyVersion = '6.7.0';

/** One thing that has to happen. */
export interface Step {
  readonly id: string;
  readonly title: string;
  /** @returns what was seen. @throws Error that tells what was not */
  readonly run: (world: DemoWorld) => Promise<string>;
}

/** The walkthrough, in order: each step needs those before it. */
export const steps: readonly Step[] = [
  { id: 'fleet', title: 'clusters are attached, agents and test loaders are installed', run: attach },
  { id: 'initialized', title: `the Application brings podinfo ${firstVersion} from git`, run: initialize },
  { id: 'promoted', title: `git has ${promotedVersion}: tested, then promoted`, run: promote },
  { id: 'rolled-back', title: `git has ${faultyVersion}, which fails: taken back`, run: rollBack },
  { id: 'one-member', title: `somebody sets image ${localVersion} on one cluster`, run: changeOneMember },
  { id: 'rollout-removed', title: 'the rollout is removed, the workload stays', run: removeRollout },
  { id: 'deleted', title: 'the Application is deleted', run: deleteApplication },
];

/** How many checks a promotion may take, and a rollback. */
const promotionChecks = 14;
const rollbackChecks = 10;
/** How many checks take as long as a poll of the repository, at the pace of the example. */
const pollChecks = 3;

async function attach(world: DemoWorld): Promise<string> {
  const { host, members } = world.sandbox;
  const [gateway] = await documentsOf('fleet/gateway.yaml');
  const [cluster] = await documentsOf('fleet/attachedclusters.yaml');
  const [fleet] = await documentsOf('fleet/fleet.yaml');
  if (!gateway || !cluster || !fleet) throw new Error('an example is empty');
  for (const { client } of members) await client.resource(gatewayKind).create(gateway);
  await world.watchHost();
  for (const member of members) {
    const [secret, attached] = attachment(cluster, member.name, member.kubeconfig());
    if (secret) await host.client.resource(secretKind).create(secret);
    if (attached) await host.client.resource(attachedClusterKind).create(attached);
  }
  await host.client.resource(fleetKind).create(
    fleetOf(
      fleet,
      members.map(({ name }) => name),
    ),
  );
  await world.until(
    () => {
      const { phase = 'without a phase', readyClusters = 0, conditions = [] } = world.fleet?.status ?? {};
      if (phase === 'Ready' && readyClusters === members.length) return undefined;
      const troubles = conditions.filter(({ status }) => status !== 'True').map(({ message }) => message);
      return `the Fleet is ${phase}, with ${readyClusters} of ${members.length} clusters; ${troubles.join('; ')}`;
    },
    0,
    60,
  );
  await world.watchMembers();
  return `Fleet Ready, ${members.length} clusters`;
}

async function initialize(world: DemoWorld): Promise<string> {
  const [manifest] = await documentsOf('rollout/blue_green.yaml');
  if (!manifest) throw new Error('the example is empty');
  const { repository, options, sandbox } = world;
  const application = withPace(manifest, repository.url, options.interval);
  await sandbox.host.client.resource(applicationKind).create(application, { fieldManager: 'kubectl' });
  await world.untilEach(world.members, (member) => missing(world, member, 'Initialized'), 6);
  world.startUsers();
  await untilReported(world, 'Initialized');
  return `podinfo ${firstVersion} on ${world.members.length} clusters, users come in`;
}

async function promote(world: DemoWorld): Promise<string> {
  for (const member of world.members) member.forget();
  const commit = await world.repository.commit({ version: promotedVersion });
  await world.untilEach(
    world.members,
    (member) => missing(world, member, 'Succeeded') ?? missingPrimary(member, promotedVersion),
    promotionChecks,
  );
  const unseen = world.members.find(({ wasRouted }) => !wasRouted);
  if (unseen !== undefined)
    throw new Error(`${unseen.name}: no user was routed to ${promotedVersion} before its promotion`);
  await untilReported(world, 'Succeeded');
  expectServed(world, promotedVersion);
  return `commit ${commit} on ${world.members.length} clusters: ${summaryOf(world.members)}`;
}

async function rollBack(world: DemoWorld): Promise<string> {
  for (const member of world.members) member.forget();
  const { members, repository } = world;
  const commit = await repository.commit({ version: faultyVersion, isFaulty: true });
  await world.untilEach(
    members,
    (member) => missingPrimary(member, promotedVersion) ?? missing(world, member, 'Failed'),
    rollbackChecks,
  );
  await untilReported(world, 'Failed');
  const seen = summaryOf(members);
  const bad = members.find((member) => member.version('backend-primary') !== promotedVersion);
  if (bad !== undefined) throw new Error(`${bad.name}: ${promotedVersion} does not serve any more`);
  // Git goes back, too: what is promoted already is not tested again.
  await repository.commit({ version: promotedVersion });
  await world.untilEach(
    members,
    (member) =>
      member.version('backend') === promotedVersion ? undefined : 'the workload is not as in git again',
    pollChecks,
  );
  expectServed(world, promotedVersion);
  return `commit ${commit}: ${seen}; ${promotedVersion} serves`;
}

async function changeOneMember(world: DemoWorld): Promise<string> {
  const [others, changed] = [world.members.slice(0, -1), world.members.at(-1)];
  if (changed === undefined) throw new Error('there is no member');
  const before = others.map((member) => ({ member, phase: member.phase, image: member.version('backend') }));
  for (const member of world.members) member.forget();
  await changed.setImage(localVersion);
  await world.until(() => {
    const moved = before.find(
      ({ member, phase, image }) => member.phase !== phase || member.version('backend') !== image,
    );
    if (moved !== undefined)
      throw new Error(`${moved.member.name} rolls, too: it is ${moved.member.phase ?? 'gone'}`);
    if (changed.version('backend') !== localVersion)
      throw new Error(`${changed.name}: the image was set back`);
    const { phase = 'gone', iterations = 0 } = changed.canary?.status ?? {};
    if (phase === 'Progressing' && iterations >= 1) return undefined;
    return `${changed.name}: the Canary is ${phase}, with ${iterations} iterations`;
  }, 6);
  return `${changed.name} tests ${localVersion}${others.length === 0 ? '' : ', the others rest'}`;
}

async function removeRollout(world: DemoWorld): Promise<string> {
  const { members, sandbox } = world;
  for (const { cluster } of members) await cluster.client.resource(virtualServiceKind).create(ownRoute);
  const { spec } = world.application ?? {};
  const syncPolicies = spec?.syncPolicies.map(({ rollout: _rollout, ...policy }) => policy);
  await sandbox.host.client
    .resource(applicationKind)
    .patch(applicationKey, 'merge', { spec: { syncPolicies } }, { fieldManager: 'kubectl-edit' });
  await world.untilEach(members, remainsOfRollout, 2);
  await world.until(() => {
    const { syncStatus = [] } = world.application?.status ?? {};
    const still = syncStatus.find(({ rolloutStatus }) => rolloutStatus !== undefined);
    return still === undefined
      ? undefined
      : `the Application still reports the rollout of ${still.name ?? ''}`;
  }, 0);
  // Users go on for a while, or nobody would notice if the workload did not serve.
  await world.clock.sleep(1000, world.signal);
  expectServed(world, promotedVersion);
  return `podinfo ${promotedVersion} serves without a primary`;
}

/** What is there of a rollout, or not there of the workload. */
function remainsOfRollout(member: DemoMember): string | undefined {
  const { deployments, services, virtualServices } = member.stores;
  if (member.canary !== undefined) return `the Canary is ${member.phase ?? 'there'}`;
  for (const name of ['backend-primary', 'backend-testloader']) {
    if (deployments.get(`webapp/${name}`)) return `Deployment ${name} is there`;
  }
  for (const name of ['backend-primary', 'backend-canary', 'backend-testloader']) {
    if (services.get(`webapp/${name}`)) return `Service ${name} is there`;
  }
  if (virtualServices.get('webapp/backend')) return 'VirtualService backend is there';
  const app = valueAt(services.get('webapp/backend'), 'spec', 'selector', 'app');
  if (app !== 'backend') return 'Service backend does not select the workload';
  const version = member.version('backend') ?? 'gone';
  if (version !== promotedVersion) return `the workload is ${version}, not ${promotedVersion} as in git`;
  return member.isRolledOut('backend') ? undefined : 'the workload is not ready';
}

async function deleteApplication(world: DemoWorld): Promise<string> {
  const { members, sandbox } = world;
  await world.stopUsers();
  await sandbox.host.client.resource(applicationKind).delete(applicationKey);
  await world.until(
    () => {
      if (world.application === undefined) return undefined;
      const { phase = 'there', conditions = [] } = world.application.status ?? {};
      return `the Application is ${phase}: ${conditions.map(({ message }) => message).join('; ')}`;
    },
    0,
    60,
  );
  await world.untilEach(
    members,
    ({ stores }) => {
      if (stores.namespaces.get('webapp')) return 'the namespace webapp is there';
      if (stores.deployments.get('default/podinfo')) return 'Deployment default/podinfo is there';
      if (stores.services.get('default/podinfo')) return 'Service default/podinfo is there';
      return stores.canaries.size > 0 ? 'a Canary is there' : undefined;
    },
    0,
  );
  if (world.fleet?.status?.phase !== 'Ready') throw new Error('the Fleet is not Ready any more');
  return 'nothing of it is left, the Fleet is Ready';
}

/** @throws Error when users are not answered by this version */
function expectServed({ members, users }: DemoWorld, version: string): void {
  for (const [i, member] of members.entries()) {
    const by = users[i]?.recent().version ?? 'nobody';
    if (by !== version) throw new Error(`${member.name}: users are served by ${by}, not by ${version}`);
  }
}

/** What is missing until the Canary of a member is in a phase. */
function missing(world: DemoWorld, member: DemoMember, wanted: Phase): string | undefined {
  const { phase = '', failedChecks = 0, iterations = 0, conditions = [] } = member.canary?.status ?? {};
  if (phase === wanted) return undefined;
  // An end that it does not come out of by itself.
  if (phase === 'Failed' && member.phases.includes('Progressing')) {
    throw new Error(`${member.name}: the rollout has failed: ${conditions[0]?.message ?? ''}`);
  }
  if (member.canary !== undefined) {
    return `the Canary is ${phase || 'without a phase'}, not ${wanted} (${iterations} iterations, ${failedChecks} failed checks)`;
  }
  const { phase: state = 'without a phase', conditions: reasons = [] } = world.application?.status ?? {};
  const troubles = reasons.filter(({ status }) => status !== 'True').map(({ message }) => message);
  return `there is no Canary; the Application is ${state}: ${troubles.join('; ')}`;
}

function missingPrimary(member: DemoMember, version: string): string | undefined {
  const primary = member.version('backend-primary') ?? 'not there';
  return primary === version ? undefined : `the primary is ${primary}, not ${version}`;
}

/** Waits until the Application tells the phase of each member. */
function untilReported(world: DemoWorld, phase: Phase): Promise<void> {
  return world.until(() => {
    const reported = (world.application?.status?.syncStatus ?? []).flatMap(({ rolloutStatus }) =>
      rolloutStatus === undefined ? [] : [rolloutStatus],
    );
    const right = reported.filter(({ rolloutStatusInCluster }) => rolloutStatusInCluster?.phase === phase);
    if (right.length === world.members.length) return undefined;
    return `the Application reports ${phase} of ${right.length} clusters, not of ${world.members.length}`;
  }, 0);
}

/** `Progressing, Promoting, Succeeded`, or of each member where they differ. */
function summaryOf(members: readonly DemoMember[]): string {
  const each = members.map(({ phases }) => phases.filter((phase, i) => phase !== phases[i - 1]).join(', '));
  return [...new Set(each)].join(' / ');
}
