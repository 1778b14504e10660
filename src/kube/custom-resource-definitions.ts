import type { Clock } from '../base/clock.ts';
import { DeadlineError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { isObject, type Json, type JsonObject, own } from '../machinery/json.ts';
import { asJson, type Unstructured } from '../machinery/object.ts';
import { isAlreadyExists } from './api-error.ts';
import { retryOnConflict } from './retry-on-conflict.ts';
import type { Client, ResourceClient } from './resource-client.ts';
import { Store } from './store.ts';

/** A whole number that rises with every change of a definition of ours; others' definitions have none. */
export const crdVersionAnnotation = 'viridian.dev/crd-version';

export interface EnsureDefinitionsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly definitions: readonly JsonObject[];
  readonly signal: AbortSignal;
  /** For all of them, in milliseconds; default 60 s. */
  readonly timeoutMs?: number | undefined;
}

const crdKind = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
} as const;

/**
 * Resolves when the server serves the kinds. Creates the definitions that are missing and replaces older ones of
 * ours; never a newer one, nor one that somebody else installed: what that one lacks is logged.
 *
 * @throws DeadlineError when a definition is not established in time, ApiError when the server refuses one
 */
export async function ensureCustomResourceDefinitions(options: EnsureDefinitionsOptions): Promise<void> {
  const { clock, definitions, signal, timeoutMs = 60_000 } = options;
  const client = options.client.resource(crdKind);
  using deadline = clock.timeout(timeoutMs, signal);
  const outcomes = await Promise.allSettled(
    definitions.map((definition) => ensure({ ...options, signal: deadline.signal }, client, definition)),
  );
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

async function ensure(
  options: EnsureDefinitionsOptions,
  client: ResourceClient,
  definition: JsonObject,
): Promise<void> {
  const { clock, random, log, signal } = options;
  const name = textAt(definition, 'metadata', 'name') ?? '';
  const store = new Store({
    client,
    clock,
    random: random.stream(name),
    log,
    selection: { fieldSelector: `metadata.name=${name}` },
  });
  const end = new AbortController();
  const running = store.run(end.signal);
  try {
    // One that is being deleted takes its objects with it, and makes room for a new one.
    const live = await store.waitFor(name, (crd) => crd?.metadata.deletionTimestamp === undefined, {
      signal,
    });
    if (live === undefined) await create(options, client, definition);
    await retryOnConflict(
      () => client.get({ name }, { signal }),
      (current) => replaceIfOlder(options, client, current, definition),
      { clock, random, signal },
    );
    await store.waitFor(name, isEstablished, { signal });
  } catch (error) {
    if (!(signal.reason instanceof DeadlineError)) throw error;
    const { connected, lastError } = store.status;
    const why = connected ? whyNot(store.get(name)) : (lastError?.message ?? 'the server does not answer');
    throw new DeadlineError(`CustomResourceDefinition ${name} is not served: ${why}`);
  } finally {
    end.abort();
    await running;
  }
}

async function create(
  { log, signal }: EnsureDefinitionsOptions,
  client: ResourceClient,
  definition: JsonObject,
): Promise<void> {
  try {
    const { metadata } = await client.create(asObject(definition), { signal });
    log.info('created a CustomResourceDefinition', { name: metadata.name });
  } catch (error) {
    // Another replica of ours was faster.
    if (!isAlreadyExists(error)) throw error;
  }
}

async function replaceIfOlder(
  { log, signal }: EnsureDefinitionsOptions,
  client: ResourceClient,
  live: Unstructured,
  definition: JsonObject,
): Promise<void> {
  const name = live.metadata.name ?? '';
  const [ours, theirs] = [versionOf(definition) ?? 0, versionOf(asJson(live))];
  if (theirs === undefined) {
    const missing = missingFields(asJson(live), definition);
    if (missing.length === 0) return;
    log.warn('a CustomResourceDefinition of somebody else lacks fields; it is left as it is', {
      name,
      missing,
    });
    return;
  }
  if (theirs > ours)
    log.info('a CustomResourceDefinition is newer than this program', { name, ours, theirs });
  if (theirs >= ours) return;
  const wanted = asObject(definition);
  const annotations = { ...live.metadata.annotations, ...wanted.metadata.annotations };
  const metadata = { ...live.metadata, annotations };
  await client.update({ ...live, metadata, spec: wanted['spec'] }, { signal });
  log.info('replaced an older CustomResourceDefinition', { name, ours, theirs });
}

function versionOf(definition: JsonObject): number | undefined {
  const text = textAt(definition, 'metadata', 'annotations', crdVersionAnnotation) ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Paths of fields that our schema has and another one would prune; the first few. */
function missingFields(live: JsonObject, definition: JsonObject): readonly string[] {
  const missing: string[] = [];
  for (const version of versionsOf(definition)) {
    const other = versionsOf(live).find((candidate) => own(candidate, 'name') === own(version, 'name'));
    if (other === undefined) missing.push(`version ${textAt(version, 'name') ?? ''}`);
    else collectMissing(schemaOf(other), schemaOf(version), '', missing);
  }
  return missing.slice(0, 10);
}

function versionsOf(definition: JsonObject): JsonObject[] {
  const versions = at(definition, 'spec', 'versions');
  return Array.isArray(versions) ? versions.filter(isObject) : [];
}

function schemaOf(version: JsonObject): Json | undefined {
  return at(version, 'schema', 'openAPIV3Schema');
}

/** As deep as our schema is. */
function collectMissing(
  live: Json | undefined,
  ours: Json | undefined,
  path: string,
  missing: string[],
): void {
  if (!isObject(ours) || !isObject(live)) return;
  if (own(live, 'x-kubernetes-preserve-unknown-fields') === true) return;
  const properties = own(live, 'properties');
  const wanted = own(ours, 'properties');
  for (const [name, schema] of Object.entries(isObject(wanted) ? wanted : {})) {
    const found = isObject(properties) ? own(properties, name) : undefined;
    if (found === undefined) missing.push(`${path}.${name}`);
    else collectMissing(found, schema, `${path}.${name}`, missing);
  }
  collectMissing(own(live, 'items'), own(ours, 'items'), `${path}[]`, missing);
}

function isEstablished(crd: Unstructured | undefined): boolean {
  return crd !== undefined && conditionOf(crd, 'Established')?.['status'] === 'True';
}

function whyNot(crd: Unstructured | undefined): string {
  if (crd === undefined) return 'there is none';
  if (crd.metadata.deletionTimestamp !== undefined) return 'it is being deleted';
  const accepted = conditionOf(crd, 'NamesAccepted');
  const condition = accepted?.['status'] === 'False' ? accepted : conditionOf(crd, 'Established');
  return textAt(condition ?? {}, 'message') ?? 'the server has not looked at it yet';
}

function conditionOf(crd: Unstructured, type: string): JsonObject | undefined {
  const conditions = at(asJson(crd), 'status', 'conditions');
  if (!Array.isArray(conditions)) return undefined;
  return conditions.filter(isObject).find((condition) => own(condition, 'type') === type);
}

function at(value: Json, ...path: readonly string[]): Json | undefined {
  let inner: Json | undefined = value;
  for (const key of path) inner = isObject(inner) ? own(inner, key) : undefined;
  return inner;
}

function textAt(value: Json, ...path: readonly string[]): string | undefined {
  const text = at(value, ...path);
  return typeof text === 'string' ? text : undefined;
}

function asObject(definition: JsonObject): Unstructured {
  return definition as unknown as Unstructured;
}
