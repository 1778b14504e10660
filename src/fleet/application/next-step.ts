import type { Application } from '../../api/application.ts';
import type { Placement } from './placement.ts';

/*
 * What a person needs to know beside what has happened: what it means for those who send requests, and what to do. Somebody may
 * paste a command into a shell: it holds names that Kubernetes has checked, and no text of others as it is.
 */

/** What is said when a source has nothing that could be delivered. */
export const noArtifact = 'Source artifact not found';

/** For a source that cannot be fetched. @param revision the one that stays in use */
export function nextForSource(
  { reason, isStalled }: { readonly reason: string; readonly isStalled: boolean },
  { spec }: Pick<Application, 'spec'>,
  revision: string | undefined,
): string {
  const meaning =
    revision === undefined
      ? 'Nothing is delivered until then: what serves on clusters serves on'
      : `Revision ${revision} stays in use: what serves on clusters serves on`;
  const { secretRef } = spec.source.gitRepository ?? {};
  const where = 'spec.source.gitRepository';
  const credentials = `look at Secret ${secretRef?.name ?? ''}, or fix ${where}.secretRef`;
  const steps: Readonly<Record<string, string>> = {
    URLInvalid: `fix ${where}.url`,
    EmptyGitRepository: `commit something, or fix ${where}.url`,
    AuthenticationFailed: credentials,
    InvalidProviderConfiguration: credentials,
  };
  const login =
    secretRef === undefined ? `${where}.secretRef, if a login is needed` : `Secret ${secretRef.name}`;
  const look = isStalled
    ? `fix ${where}`
    : `look at ${where} and ${login}; git ls-remote with that URL shows what git sees`;
  return `. ${meaning}. Next: ${steps[reason] ?? look}`;
}

/** For what keeps a whole Application from being delivered. */
export function nextForTrouble(reason: string): string {
  const stays = 'What was delivered stays as it is';
  const steps: Readonly<Record<string, string>> = {
    InvalidSpec: `. ${stays}, and so does traffic. Next: fix the spec`,
    FleetMissing: '. Next: apply the Fleet, or fix the name of the fleet in destination',
    NoClusters:
      '. Next: look at destination.clusterSelector, the labels of AttachedClusters, and spec.clusters of the Fleet',
    Unsupported: `. ${stays}`,
  };
  return steps[reason] ?? '';
}

/** For a placement that is not as it should be. */
export function nextForPlacement(
  reason: string,
  { spec, cluster, known, application }: Pick<Placement, 'spec' | 'cluster' | 'known' | 'application'>,
): string {
  const path = shellWord(spec?.kustomization?.path ?? './');
  const stays = 'Nothing was changed on the cluster: what serves there serves on';
  const { namespace, name } = known.rollout ?? {};
  const kubectl = `kubectl -n ${application.namespace}`;
  const steps: Readonly<Record<string, string>> = {
    ArtifactFailed: `. ${stays}. Next: fix the path of the policy, or commit the folder (a link or a submodule is none)`,
    BuildFailed: `. ${stays}. Next: fix it and commit; in a checkout, viridian kustomize build ${path} says the same`,
    ReconciliationFailed:
      '. What served before serves on. It is tried again by itself. Next: fix it in git, or on the cluster what it needs',
    DependencyNotReady: `. ${stays}. It begins by itself when that is ready`,
    ClusterNotReady: `. Next: ${kubectl} describe attachedcluster ${cluster.name}`,
    ClusterMissing: `. What runs there goes on. Next: attach it again, or take it out of the Fleet`,
    RolloutStalled: '. What serves there serves on. Next: fix the rollout of the policy',
    RolloutFailed: `. Next, on ${cluster.name}: kubectl -n ${namespace} describe canary ${name}`,
  };
  return steps[reason] ?? '';
}

/** One word for a shell, whatever is in it. */
function shellWord(text: string): string {
  return /^[-\w./]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
