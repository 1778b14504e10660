import type { GroupVersionKind } from '../../../machinery/group-version-kind.ts';
import type { ResourceDefinition, Verb } from '../resource-definition.ts';
import type { Subresource } from '../subresources.ts';
import { subresourcesOf } from '../subresources.ts';
import {
  builtInModel,
  deleteOptionsModel,
  groupVersionPath,
  modelNames,
  patchModel,
  statusModel,
} from './models.ts';

export type Method = 'get' | 'put' | 'post' | 'delete' | 'patch';

/** One request that a path takes, in the terms that both versions of OpenAPI share. */
export interface Operation {
  readonly method: Method;
  readonly action: 'get' | 'list' | 'put' | 'post' | 'delete' | 'deletecollection' | 'patch' | 'connect';
  readonly id: string;
  readonly description: string;
  readonly tag: string;
  readonly kind: GroupVersionKind;
  /** Names of query parameters. */
  readonly parameters: readonly string[];
  /** Model of the body. */
  readonly body: string | undefined;
  /** Media types of the body. */
  readonly consumes: readonly string[];
  /** Model of the answer; undefined for text. */
  readonly answer: string | undefined;
}

export interface PathItem {
  readonly path: string;
  readonly operations: readonly Operation[];
}

export const parameterTypes: {
  readonly [name: string]: { readonly type: string; readonly description: string };
} = {
  allowWatchBookmarks: { type: 'boolean', description: 'Ask for watch events of type BOOKMARK.' },
  continue: { type: 'string', description: 'The continue token of the page before.' },
  dryRun: { type: 'string', description: "'All': do everything but keep the change." },
  fieldManager: { type: 'string', description: 'Name of who makes the change; required for apply.' },
  fieldSelector: { type: 'string', description: 'Restricts the objects by their fields.' },
  fieldValidation: {
    type: 'string',
    description: 'What happens to unknown and duplicate fields: Ignore, Warn (the default) or Strict.',
  },
  force: { type: 'boolean', description: 'Takes over fields that others have applied. Only for apply.' },
  gracePeriodSeconds: { type: 'integer', description: 'Seconds before the object goes; 0 is at once.' },
  labelSelector: { type: 'string', description: 'Restricts the objects by their labels.' },
  limit: { type: 'integer', description: 'Objects in one page at most.' },
  name: { type: 'string', description: 'Name of the object.' },
  namespace: { type: 'string', description: 'Namespace of the object.' },
  orphanDependents: { type: 'boolean', description: 'Deprecated: use propagationPolicy.' },
  propagationPolicy: { type: 'string', description: 'Orphan, Background or Foreground.' },
  pretty: { type: 'string', description: 'Accepted and ignored.' },
  resourceVersion: { type: 'string', description: 'Restricts how old the answer may be.' },
  resourceVersionMatch: { type: 'string', description: 'How resourceVersion is applied to lists.' },
  sendInitialEvents: { type: 'boolean', description: 'Begin the watch with what there is.' },
  timeoutSeconds: { type: 'integer', description: 'Seconds after which a watch ends.' },
  watch: { type: 'boolean', description: 'Watch for changes instead of listing.' },
};

const writeParameters = ['dryRun', 'fieldManager', 'fieldValidation'];
const selectParameters = [
  'fieldSelector',
  'labelSelector',
  'limit',
  'continue',
  'resourceVersion',
  'resourceVersionMatch',
];
const deleteParameters = ['dryRun', 'gracePeriodSeconds', 'orphanDependents', 'propagationPolicy'];
const queryParameters: { readonly [action in Operation['action']]: readonly string[] } = {
  get: [],
  connect: [],
  list: [...selectParameters, 'allowWatchBookmarks', 'sendInitialEvents', 'timeoutSeconds', 'watch'],
  post: writeParameters,
  put: writeParameters,
  patch: [...writeParameters, 'force'],
  delete: deleteParameters,
  deletecollection: [...selectParameters, ...deleteParameters],
};

const jsonTypes = ['application/json', 'application/yaml'];
const patchTypes = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
];

/** All paths of one kind at one version. */
export function pathsOf(definition: ResourceDefinition): PathItem[] {
  const { kind } = definition;
  const root = `/${groupVersionPath(kind)}`;
  const collection = `${root}/${kind.namespaced ? 'namespaces/{namespace}/' : ''}${kind.resource}`;
  const items: PathItem[] = [
    { path: collection, operations: operationsOf(definition, ['list', 'create', 'deletecollection']) },
    {
      path: `${collection}/{name}`,
      operations: operationsOf(definition, ['get', 'update', 'delete', 'patch']),
    },
    ...subresourcesOf(definition).map((subresource) => ({
      path: `${collection}/{name}/${subresource.name}`,
      operations: subresourceOperations(definition, subresource),
    })),
  ];
  if (kind.namespaced && definition.verbs.includes('list')) {
    const [everywhere] = operationsOf(definition, ['list']);
    if (everywhere !== undefined) {
      const operation = { ...everywhere, id: `${everywhere.id}ForAllNamespaces`.replace('Namespaced', '') };
      items.push({ path: `${root}/${kind.resource}`, operations: [operation] });
    }
  }
  return items.filter(({ operations }) => operations.length > 0);
}

type WrittenVerb = Exclude<Verb, 'watch'>;

const methods: { readonly [verb in WrittenVerb]: readonly [Method, Operation['action'], string] } = {
  get: ['get', 'get', 'read'],
  list: ['get', 'list', 'list objects of kind'],
  create: ['post', 'post', 'create'],
  update: ['put', 'put', 'replace'],
  patch: ['patch', 'patch', 'partially update'],
  delete: ['delete', 'delete', 'delete'],
  deletecollection: ['delete', 'deletecollection', 'delete collection of'],
};

function operationsOf(definition: ResourceDefinition, verbs: readonly WrittenVerb[]): Operation[] {
  const models = modelNames(definition);
  return verbs
    .filter((verb) => definition.verbs.includes(verb))
    .map((verb) => {
      const [, action, words] = methods[verb];
      const isDelete = action === 'delete' || action === 'deletecollection';
      return {
        ...operation(definition, verb, '', definition.kind),
        description: `${words} ${definition.kind.kind}`,
        body: isDelete ? deleteOptionsModel : bodyModel(action, models.one),
        answer: isDelete ? statusModel : action === 'list' ? models.list : models.one,
      };
    });
}

function subresourceOperations(definition: ResourceDefinition, subresource: Subresource): Operation[] {
  const kind = subresource.kind ?? definition.kind;
  const model = subresource.kind === undefined ? modelNames(definition).one : builtInModel(kind);
  return subresource.verbs.flatMap((verb) => {
    if (!isWrittenVerb(verb)) return [];
    const made = operation(definition, verb, subresource.name, kind);
    const [, action, words] = methods[verb];
    // Streams and logs have no model.
    const isText = model === undefined || subresource.name === 'log';
    return {
      ...made,
      action: model === undefined ? 'connect' : made.action,
      description: `${words} ${subresource.name} of ${definition.kind.kind}`,
      body: isText ? undefined : bodyModel(action, model),
      answer: isText ? undefined : model,
    };
  });
}

function isWrittenVerb(verb: string): verb is WrittenVerb {
  return Object.hasOwn(methods, verb);
}

function bodyModel(action: Operation['action'], model: string): string | undefined {
  if (action === 'patch') return patchModel;
  return action === 'post' || action === 'put' ? model : undefined;
}

function operation(
  definition: ResourceDefinition,
  verb: WrittenVerb,
  subresource: string,
  { group, version, kind }: GroupVersionKind,
): Omit<Operation, 'description' | 'body' | 'answer'> {
  const [method, action] = methods[verb];
  const groupName = definition.kind.group === '' ? 'core' : (definition.kind.group.split('.')[0] ?? '');
  const scope = definition.kind.namespaced ? 'Namespaced' : '';
  const words = [groupName, definition.kind.version, scope, definition.kind.kind, subresource];
  const id = `${verb}${words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join('')}`;
  const strategic = definition.custom ? [] : ['application/strategic-merge-patch+json'];
  return {
    method,
    action,
    id,
    tag: `${groupName}_${definition.kind.version}`,
    kind: { group, version, kind },
    parameters: queryParameters[action],
    consumes: action === 'patch' ? [...patchTypes, ...strategic] : jsonTypes,
  };
}

/** The parameters in a path: `namespace`, `name`. */
export function pathParameters(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
}
