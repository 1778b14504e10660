/** Types without parts. The last six belong to the Kubernetes libraries. */
const simpleKinds = [
  'dyn',
  'bool',
  'int',
  'uint',
  'double',
  'string',
  'bytes',
  'null',
  'timestamp',
  'duration',
  'ip',
  'cidr',
  'url',
  'quantity',
  'semver',
  'format',
] as const;

type SimpleKind = (typeof simpleKinds)[number];

/** The static type of a CEL expression. */
export type Type =
  | { readonly kind: SimpleKind }
  | { readonly kind: 'list' | 'optional' | 'type'; readonly item: Type }
  | { readonly kind: 'map'; readonly key: Type; readonly value: Type }
  | ObjectType
  /** A type variable of a function's signature. */
  | { readonly kind: 'param'; readonly name: string };

/** An object with declared fields. Two of them are the same type only if they are the same object. */
export interface ObjectType {
  readonly kind: 'object';
  /** For messages. */
  readonly name: string;
  /** The type of a field, by its escaped name. */
  readonly field: (name: string) => Type | undefined;
}

const simple = (kind: SimpleKind): Type => ({ kind });

export const dynType = simple('dyn');
export const boolType = simple('bool');
export const intType = simple('int');
export const uintType = simple('uint');
export const doubleType = simple('double');
export const stringType = simple('string');
export const bytesType = simple('bytes');
export const nullType = simple('null');
export const timestampType = simple('timestamp');
export const durationType = simple('duration');

export function listType(item: Type): Type {
  return { kind: 'list', item };
}

export function mapType(key: Type, value: Type): Type {
  return { kind: 'map', key, value };
}

export function optionalType(item: Type): Type {
  return { kind: 'optional', item };
}

const simpleTypes: ReadonlyMap<string, Type> = new Map(simpleKinds.map((kind) => [kind, simple(kind)]));

/** Names that an expression can use for types, as in `type(x) == string`. */
export const typeNames: ReadonlyMap<string, Type> = new Map<string, Type>([
  ...[...simpleTypes].filter(([name]) =>
    ['dyn', 'bool', 'int', 'uint', 'double', 'string', 'bytes'].includes(name),
  ),
  ['null_type', nullType],
  ['list', listType(dynType)],
  ['map', mapType(dynType, dynType)],
  ['google.protobuf.Timestamp', timestampType],
  ['google.protobuf.Duration', durationType],
  ['net.IP', simple('ip')],
  ['net.CIDR', simple('cidr')],
  ['kubernetes.URL', simple('url')],
  ['kubernetes.Quantity', simple('quantity')],
  ['kubernetes.Semver', simple('semver')],
  ['kubernetes.NamedFormat', simple('format')],
]);

/** Reads a type as signatures write it: `int`, `list<A>`, `map<string, dyn>`. */
export function parseType(text: string): Type {
  const trimmed = text.trim();
  const found = simpleTypes.get(trimmed);
  if (found !== undefined) return found;
  if (/^[A-Z]$/.test(trimmed)) return { kind: 'param', name: trimmed };
  const match = /^(list|map|optional|type)<(.*)>$/.exec(trimmed);
  const [, kind = '', inner = ''] = match ?? [];
  if (kind === 'map') {
    const comma = inner.indexOf(',');
    return mapType(parseType(inner.slice(0, comma)), parseType(inner.slice(comma + 1)));
  }
  if (kind === 'list' || kind === 'optional' || kind === 'type') return { kind, item: parseType(inner) };
  throw new Error(`unknown type ${text}`);
}

const opaqueNames: Readonly<Record<string, string>> = {
  null: 'null',
  timestamp: 'timestamp',
  duration: 'duration',
  ip: 'net.IP',
  cidr: 'net.CIDR',
  url: 'kubernetes.URL',
  quantity: 'kubernetes.Quantity',
  semver: 'kubernetes.Semver',
  format: 'kubernetes.NamedFormat',
};

/** As messages of cel-go name a type. */
export function formatType(type: Type): string {
  switch (type.kind) {
    case 'list':
      return `list(${formatType(type.item)})`;
    case 'optional':
      return `optional_type(${formatType(type.item)})`;
    case 'type':
      return `type(${formatType(type.item)})`;
    case 'map':
      return `map(${formatType(type.key)}, ${formatType(type.value)})`;
    case 'object':
    case 'param':
      return type.name;
    default:
      return opaqueNames[type.kind] ?? type.kind;
  }
}

export type Bindings = Map<string, Type>;

const notNullable = new Set(['bool', 'int', 'uint', 'double', 'string', 'bytes', 'list', 'map', 'type']);

/** Whether a value of type `from` can stand where `to` is declared. Binds the type variables of `to`. */
export function assignable(to: Type, from: Type, bindings: Bindings): boolean {
  if (to.kind === 'param') return bind(to.name, from, bindings);
  if (to.kind === 'dyn' || from.kind === 'dyn') return true;
  if (from.kind === 'null' && to.kind !== 'null') return !notNullable.has(to.kind);
  if (to.kind !== from.kind) return false;
  switch (to.kind) {
    case 'list':
    case 'optional':
      return from.kind === to.kind && assignable(to.item, from.item, bindings);
    case 'map':
      return (
        from.kind === 'map' &&
        assignable(to.key, from.key, bindings) &&
        assignable(to.value, from.value, bindings)
      );
    case 'object':
      return to === from;
    default:
      // Every `type(...)` can be compared with every other.
      return true;
  }
}

function bind(name: string, from: Type, bindings: Bindings): boolean {
  const bound = bindings.get(name);
  if (bound === undefined) {
    bindings.set(name, from);
    return true;
  }
  const common = join(bound, from);
  if (common === undefined) return false;
  bindings.set(name, common);
  return true;
}

/** The type that takes the values of both, or undefined where they do not go together. */
export function join(a: Type, b: Type): Type | undefined {
  if (a.kind === 'dyn' || b.kind === 'dyn') return dynType;
  if (a.kind === 'list' && b.kind === 'list') return joined([a.item, b.item], listType);
  if (a.kind === 'optional' && b.kind === 'optional') return joined([a.item, b.item], optionalType);
  if (assignable(a, b, new Map())) return a;
  return assignable(b, a, new Map()) ? b : undefined;
}

function joined([a, b]: readonly [Type, Type], make: (item: Type) => Type): Type | undefined {
  const item = join(a, b);
  return item === undefined ? undefined : make(item);
}

/** The type with its variables replaced; those that nothing is known about become dynamic. */
export function substitute(type: Type, bindings: Bindings): Type {
  switch (type.kind) {
    case 'param':
      return bindings.get(type.name) ?? dynType;
    case 'list':
    case 'optional':
    case 'type':
      return { kind: type.kind, item: substitute(type.item, bindings) };
    case 'map':
      return mapType(substitute(type.key, bindings), substitute(type.value, bindings));
    default:
      return type;
  }
}
