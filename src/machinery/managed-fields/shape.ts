import type { Json } from '../json.ts';
import { isObject, own } from '../json.ts';
import type { Schema } from '../schema.ts';

/** What may stand at a place, and how it merges. A place without a schema may hold any of the three. */
export interface Shape {
  readonly scalar?: 'numeric' | 'string' | 'boolean' | 'untyped';
  readonly list?: ListShape;
  readonly map?: MapShape;
}

export type Kind = 'map' | 'scalar' | 'list';

/** A list: atomic, a set of scalars, or a map (`keys` is set). */
export interface ListShape {
  readonly atomic: boolean;
  readonly keys?: readonly string[];
  readonly element: Shape;
}

/** A map or a structure. */
export interface MapShape {
  readonly atomic: boolean;
  /** Without declared fields and free of a schema: what lies below was never reconciled with one. */
  readonly deduced: boolean;
  /** The shape of a declared field. */
  declared(name: string): Shape | undefined;
  /** The shape of fields that are not declared; undefined where there must be none. */
  readonly unknown: Shape | undefined;
  /** The default of a declared field: fills in for an absent key of a list map. */
  defaultOf(name: string): Json | undefined;
}

const scalarUntyped = { scalar: 'untyped' } as const;

/** Any value; lists and maps below are owned as a whole. */
const untyped: Shape = {
  ...scalarUntyped,
  list: {
    atomic: true,
    get element(): Shape {
      return untyped;
    },
  },
  map: openMap(true, () => untyped),
};

/** Any value; maps are merged field by field, lists are owned as a whole. */
export const deduced: Shape = {
  ...scalarUntyped,
  list: { atomic: true, element: untyped },
  map: openMap(false, () => deduced),
};

function openMap(atomic: boolean, unknown: () => Shape): MapShape {
  return {
    atomic,
    deduced: true,
    declared: () => undefined,
    get unknown(): Shape {
      return unknown();
    },
    defaultOf: () => undefined,
  };
}

const text: Schema = { type: 'string' };
const texts: Schema = { type: 'object', additionalProperties: text };

/** As published for io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta: schemas of CRDs leave it out. */
const objectMeta: Schema = {
  type: 'object',
  properties: {
    name: text,
    generateName: text,
    namespace: text,
    selfLink: text,
    uid: text,
    resourceVersion: text,
    generation: { type: 'integer' },
    creationTimestamp: { type: 'string', format: 'date-time' },
    deletionTimestamp: { type: 'string', format: 'date-time' },
    deletionGracePeriodSeconds: { type: 'integer' },
    labels: texts,
    annotations: texts,
    finalizers: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
    ownerReferences: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      items: {
        type: 'object',
        'x-kubernetes-map-type': 'atomic',
        properties: {
          apiVersion: text,
          kind: text,
          name: text,
          uid: text,
          controller: { type: 'boolean' },
          blockOwnerDeletion: { type: 'boolean' },
        },
      },
    },
    managedFields: { type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'atomic' },
  },
};

/** The fields that every object has, whatever the schema of its CRD says. */
const objectFields: { readonly [name: string]: Schema } = {
  apiVersion: text,
  kind: text,
  metadata: objectMeta,
};

const roots = new WeakMap<Schema, Shape>();
const compiled = new WeakMap<Schema, Shape>();
const compiledPreserving = new WeakMap<Schema, Shape>();

/** The shape of a whole object. Without a schema everything is deduced, also the metadata. */
export function shapeOfObject(schema: Schema | undefined): Shape {
  if (schema === undefined) return deduced;
  let shape = roots.get(schema);
  if (shape === undefined) {
    shape = compile(schema, false, true);
    roots.set(schema, shape);
  }
  return shape;
}

/** @param preserving whether an ancestor has `x-kubernetes-preserve-unknown-fields`: it holds for all below */
function shapeOf(schema: Schema, preserving: boolean): Shape {
  const cache = preserving ? compiledPreserving : compiled;
  let shape = cache.get(schema);
  if (shape === undefined) {
    shape = compile(schema, preserving, schema['x-kubernetes-embedded-resource'] === true);
    cache.set(schema, shape);
  }
  return shape;
}

function compile(schema: Schema, inherited: boolean, isWholeObject: boolean): Shape {
  const preserving = inherited || schema['x-kubernetes-preserve-unknown-fields'] === true;
  switch (schema.type) {
    case 'object':
      return { map: compileMap(schema, preserving, isWholeObject) };
    case 'array':
      return { list: compileList(schema, preserving) };
    case 'integer':
    case 'number':
      return { scalar: 'numeric' };
    case 'boolean':
      return { scalar: 'boolean' };
    case 'string':
      return { scalar: schema.format === undefined || schema.format === 'byte' ? 'string' : 'untyped' };
    default:
      return {
        ...scalarUntyped,
        list: compileList(schema, preserving),
        map: compileMap(schema, preserving, isWholeObject),
      };
  }
}

function compileMap(schema: Schema, preserving: boolean, isWholeObject: boolean): MapShape {
  const { properties = {}, additionalProperties } = schema;
  const fieldSchema = (name: string): Schema | undefined => {
    const declared = own(properties, name);
    const common = isWholeObject ? own(objectFields, name) : undefined;
    // Published schemas of built-in kinds bring the whole metadata; a CRD may only restrict the name in it.
    return declared?.properties?.['managedFields'] === undefined ? (common ?? declared) : declared;
  };
  const isOpen =
    additionalProperties === true ||
    (additionalProperties === undefined &&
      (preserving || (!isWholeObject && Object.keys(properties).length === 0)));
  const fields = new Map<string, Shape | undefined>();
  return {
    atomic: schema['x-kubernetes-map-type'] === 'atomic',
    deduced: isOpen && !isWholeObject && Object.keys(properties).length === 0,
    declared(name) {
      let shape = fields.get(name);
      if (shape === undefined) {
        const field = fieldSchema(name);
        if (field === undefined) return undefined;
        shape = shapeOf(field, preserving);
        fields.set(name, shape);
      }
      return shape;
    },
    get unknown() {
      if (isOpen) return deduced;
      return isObject(additionalProperties) ? shapeOf(additionalProperties, preserving) : undefined;
    },
    defaultOf: (name) => fieldSchema(name)?.default,
  };
}

function compileList(schema: Schema, preserving: boolean): ListShape {
  const { keys, atomic } = listRelationship(schema);
  return {
    atomic,
    ...(keys === undefined ? {} : { keys }),
    get element() {
      return schema.items === undefined ? untyped : shapeOf(schema.items, preserving);
    },
  };
}

/** Lists of built-in kinds that predate `x-kubernetes-list-type` are described by their patch strategy. */
function listRelationship(schema: Schema): { atomic: boolean; keys?: readonly string[] } {
  switch (schema['x-kubernetes-list-type']) {
    case 'map':
      return { atomic: false, keys: schema['x-kubernetes-list-map-keys'] ?? [] };
    case 'set':
      return { atomic: false };
    case 'atomic':
      return { atomic: true };
    case undefined:
      break;
  }
  const strategy = schema['x-kubernetes-patch-strategy'];
  if (strategy !== 'merge' && strategy !== 'merge,retainKeys') return { atomic: true };
  const key = schema['x-kubernetes-patch-merge-key'];
  return key === undefined ? { atomic: false } : { atomic: false, keys: [key] };
}

/** The shape of a field; one that must not be there counts as free of a schema. */
export function fieldShape(map: MapShape, name: string): Shape {
  return map.declared(name) ?? map.unknown ?? deduced;
}

/**
 * What `value` is treated as: what it is, where the shape allows that; otherwise (null, absent, wrong type)
 * the first thing that the shape allows.
 */
export function kindOf(shape: Shape, value: Json | undefined): Kind {
  if (value !== undefined && value !== null) {
    const kind = typeof value !== 'object' ? 'scalar' : Array.isArray(value) ? 'list' : 'map';
    if (shape[kind] !== undefined) return kind;
  }
  return shape.map !== undefined ? 'map' : shape.scalar !== undefined ? 'scalar' : 'list';
}
