import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { CanaryRow } from './canary-rows.ts';
import type { CanaryWatch } from './canary-watch.ts';
import { type Clusters, type Member, openClusters } from './clusters.ts';
import type { Kubectl } from './kubectl.ts';
import type { AcceptanceOptions } from './options.ts';
import { openRepository, type Repository } from './repository.ts';
import { walkthrough } from './walkthrough.ts';

/** What all rows look at. */
export interface World {
  readonly host: Kubectl;
  readonly members: readonly Member[];
  readonly repository: Repository;
  /** Between two checks. */
  readonly intervalMs: number;
  /** The Application of the walkthrough, as it is applied. */
  readonly application: unknown;
  /** For files of rows. */
  readonly folder: string;
  /** What rows leave for those after them. */
  readonly notes: Notes;
  managerLog(): string;
  close(): Promise<void>;
}

export interface Notes {
  /** The rollout that rows of a group look at. */
  run?: { readonly watch: CanaryWatch; readonly image: string; readonly before: string };
  /** The Application before something is done to it. */
  application?: unknown;
  /** Commands that go on until the world is closed. */
  readonly background: { close(): void }[];
  /** The summary of the load that runs while the rollout is taken away. */
  load?: Promise<string>;
  /** What the last group has installed, once. */
  prose?: Promise<ProseRun>;
}

/** How the rollout of the last group went. */
export interface ProseRun {
  readonly rows: readonly CanaryRow[];
  /** The Application right after it. */
  readonly application: unknown;
}

/**
 * @param say tells what is started
 * @param signal ends the wait for it
 * @throws Error when it does not start; nothing is left of it then
 */
export async function openWorld(
  options: AcceptanceOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'viridian-acceptance-'));
  let clusters: Clusters | undefined;
  let repository: Repository | undefined;
  const notes: Notes = { background: [] };
  const close = async (): Promise<void> => {
    for (const command of notes.background) command.close();
    await clusters?.close();
    await repository?.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    repository = await openRepository(options.repo, folder);
    clusters = await openClusters(options, folder, say, signal);
    const [manifest] = await documentsOf('examples/rollout/blue_green.yaml');
    return {
      ...clusters,
      repository,
      intervalMs: options.interval * 1000,
      application: walkthrough(manifest, { url: repository.url, interval: options.interval }),
      folder,
      notes,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const root = new URL('../../', import.meta.url).pathname;

/** The path of a file of this repository. */
export function fileOf(path: string): string {
  return join(root, path);
}

/** The documents of a manifest of this repository. */
export async function documentsOf(path: string): Promise<readonly unknown[]> {
  return parseAllDocuments(await readFile(fileOf(path), 'utf8')).map(
    (document) => document.toJS() as unknown,
  );
}

/** The member that rows look at which are about one. */
export function firstMember({ members }: World): Member {
  const [member] = members;
  if (member === undefined) throw new Error('there is no member');
  return member;
}
