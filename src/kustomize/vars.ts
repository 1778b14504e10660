import { isObject, setOwn, type Json } from '../machinery/json.ts';
import { sizeOf, type Budget } from './budget.ts';
import { buildError } from './build-error.ts';
import { changeField, type FieldSpec } from './field-spec.ts';
import type { Var } from './kustomization.ts';
import { findPlaces } from './replacement-path.ts';
import {
  allIdsOf,
  effectiveNamespace,
  formatId,
  idOf,
  isClusterScoped,
  type Resource,
  type ResourceId,
  type ResourceList,
} from './resource.ts';

const inContainers = ['args', 'command', 'env/value', 'volumeMounts/mountPath'];

/** Source: the default varReference of kustomize 5. */
export const defaultVarReference: readonly FieldSpec[] = [
  ...(
    [
      ['Pod', 'spec'],
      ...['DaemonSet', 'Deployment', 'Job', 'ReplicaSet', 'StatefulSet'].map(
        (kind) => [kind, 'spec/template/spec'] as const,
      ),
      ['CronJob', 'spec/jobTemplate/spec/template/spec'],
    ] as const
  ).flatMap(([kind, spec]) =>
    ['containers', 'initContainers'].flatMap((list) =>
      inContainers.map((field) => ({ kind, path: `${spec}/${list}/${field}` })),
    ),
  ),
  ...['DaemonSet', 'Deployment', 'Job', 'ReplicaSet'].map((kind) => ({
    kind,
    path: 'spec/template/spec/volumes/nfs/server',
  })),
  { kind: 'CronJob', path: 'spec/jobTemplate/spec/template/volumes/nfs/server' },
  { kind: 'Pod', path: 'spec/volumes/nfs/server' },
  { kind: 'StatefulSet', path: 'spec/volumeClaimTemplates/spec/nfs/server' },
  { kind: 'PersistentVolume', path: 'spec/nfs/server' },
  { kind: 'Deployment', path: 'spec/template/metadata/annotations' },
  { kind: 'Ingress', path: 'spec/rules/host' },
  { kind: 'Ingress', path: 'spec/tls/hosts' },
  { kind: 'Ingress', path: 'spec/tls/secretName' },
  { kind: 'Service', path: 'spec/ports/port' },
  { kind: 'Service', path: 'spec/ports/targetPort' },
  { path: 'metadata/labels' },
  { path: 'metadata/annotations' },
];

/** The variables of all levels by name, each with where it was declared. */
export type Vars = Map<string, { readonly variable: Var; readonly where: string }>;

/**
 * Declares the variables of one level: what they mean is looked for among its objects, by their names now or before.
 * @throws for a name that is taken, and for what could mean several objects
 */
export function declareVars(
  vars: Vars,
  declared: readonly Var[],
  { all, budget }: ResourceList,
  where: string,
): void {
  for (const variable of declared) {
    const { name } = variable;
    budget.spendLooks(2 * all.length, where);
    const found = all.filter((resource) => allIdsOf(resource).some((id) => isMeant(variable, id)));
    if (found.length > 1)
      throw buildError(`${where}: vars: ${name}: found ${found.length} objects (unable to disambiguate)`);
    if (vars.has(name)) throw buildError(`${where}: vars: var '${name}' already encountered`);
    vars.set(name, { variable, where });
    found[0]?.varNames.push(name);
  }
}

function isMeant({ objref }: Var, id: ResourceId): boolean {
  const parts = (objref.apiVersion ?? '').split('/');
  const version = parts.at(-1) || (objref.version ?? '');
  const group = parts.length === 2 ? (parts[0] ?? '') : (objref.group ?? '');
  const target = {
    group,
    version,
    kind: objref.kind ?? '',
    name: objref.name ?? '',
    namespace: objref.namespace ?? '',
  };
  if (id.name !== target.name || id.kind !== target.kind) return false;
  if (id.group !== group || id.version !== version) return false;
  return (
    target.namespace === '' || isClusterScoped(id) || effectiveNamespace(id) === effectiveNamespace(target)
  );
}

/**
 * Puts the values of variables in the place of `$(NAME)`; `$$(NAME)` stays as `$(NAME)`.
 * @throws where a variable means nothing that is there
 */
export function resolveVars(
  resources: readonly Resource[],
  vars: Vars,
  specs: readonly FieldSpec[],
  budget: Budget,
): void {
  if (vars.size === 0) return;
  const values = new Map<string, Json>();
  for (const [name, { variable, where }] of vars)
    values.set(name, valueOf(name, variable, resources, where, budget));
  for (const resource of resources) {
    budget.spendWalks(sizeOf(resource.object), 1 + specs.length / 10, 'vars');
    const change = (value: Json): Json => expandIn(value, values, resource, budget);
    for (const spec of specs) changeField(resource, spec, () => null, change);
  }
}

function valueOf(
  name: string,
  { fieldref }: Var,
  resources: readonly Resource[],
  where: string,
  budget: Budget,
): Json {
  budget.spendLooks(resources.length, where);
  const resource = resources.find(({ varNames }) => varNames.includes(name));
  if (resource === undefined)
    throw buildError(
      `${where}: vars: var '${name}' cannot be mapped to a field in the set of known resources`,
    );
  const path = (fieldref?.fieldPath || 'metadata.name').replaceAll(/\[(\d+)\](?=\.|$)/g, '.$1');
  const value = findPlaces(resource.object, path, { create: false, exact: true, where, budget })[0]?.value;
  if (value === undefined)
    throw buildError(`${where}: vars: ${name}: ${formatId(idOf(resource))} has no field ${path}`);
  return value;
}

function expandIn(value: Json, values: ReadonlyMap<string, Json>, resource: Resource, budget: Budget): Json {
  if (typeof value === 'string') return expand(value, values, budget);
  if (Array.isArray(value)) {
    return value.map((item) => {
      if (typeof item !== 'string')
        throw buildError(
          `${formatId(idOf(resource))}: invalid value type expect a string: ${JSON.stringify(item)}`,
        );
      return expand(item, values, budget);
    });
  }
  if (isObject(value)) {
    for (const [key, text] of Object.entries(value))
      if (typeof text === 'string') setOwn(value, key, expand(text, values, budget));
  }
  return value;
}

/** A text that is one variable takes the type of its value. */
function expand(text: string, values: ReadonlyMap<string, Json>, budget: Budget): Json {
  if (!text.includes('$')) return text;
  const known = (name: string): string | number | boolean | undefined => {
    const value = values.get(name);
    return typeof value === 'object' ? undefined : value;
  };
  const whole = /^\$\(([^)]*)\)$/.exec(text);
  if (whole !== null) return known(whole[1] ?? '') ?? text;
  return text.replaceAll(/\$(?:\$|\(([^)]*)\))/g, (match: string, name?: string) => {
    if (name === undefined) return '$';
    const value = `${known(name) ?? match}`;
    budget.spendCopies(value.length, 1, 'vars');
    return value;
  });
}
