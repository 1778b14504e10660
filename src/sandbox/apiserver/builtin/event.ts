// Events have two APIs: the core one, in which they are stored, and events.k8s.io, which names some fields anew and is
// stricter. Source: pkg/apis/core/validation/events.go and pkg/apis/events/v1/conversion.go of Kubernetes 1.36.
import type { FieldError } from '../../../machinery/field-errors.ts';
import { FieldPath, invalidValue, requiredValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonEqual, own, setOwn } from '../../../machinery/json.ts';
import type { BuiltIn } from './define.ts';
import { defineBuiltIn } from './define.ts';
import { countAt, isSet, nameOf, namespaceOf, objectAt, optionalObject, textAt } from './fields.ts';
import { immutable, qualifiedName } from './rules.ts';
import { column, since, wideColumn } from './table.ts';

/** Core name → events.k8s.io name. */
const renamed = {
  involvedObject: 'regarding',
  message: 'note',
  source: 'deprecatedSource',
  firstTimestamp: 'deprecatedFirstTimestamp',
  lastTimestamp: 'deprecatedLastTimestamp',
  count: 'deprecatedCount',
  reportingComponent: 'reportingController',
} as const;
const newNames: Readonly<Record<string, string>> = renamed;
const coreNames: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(renamed).map(([core, name]) => [name, core]),
);
const reference = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];
const maxText = 128;
const maxNote = 1024;

function rename(object: JsonObject, names: Readonly<Record<string, string>>): JsonObject {
  const result: JsonObject = {};
  for (const [field, value] of Object.entries(object)) setOwn(result, own(names, field) ?? field, value);
  return result;
}

const shared = {
  shortNames: ['ev'],
  storageKey: 'events',
  storageVersion: 'v1',
  createOnUpdate: true,
} satisfies Partial<BuiltIn>;

const columns = [
  column('Last Seen', 'How long ago the event happened last'),
  column('Type', 'Normal or Warning'),
  column('Reason', 'Why the event was written, in one word'),
  column('Object', 'The object that the event is about'),
  wideColumn('Subobject', 'The part of the object that the event is about'),
  wideColumn('Source', 'Who wrote the event'),
  column('Message', 'What happened'),
  wideColumn('First Seen', 'How long ago the event happened first'),
  wideColumn('Count', 'How often the event happened'),
  { ...wideColumn('Name', 'Name must be unique within a namespace'), format: 'name' },
];

export const event = defineBuiltIn({
  ...shared,
  kind: { group: '', version: 'v1', resource: 'events', kind: 'Event', namespaced: true },
  schema: 'io.k8s.api.core.v1.Event',
  validate: (object) => validateAlways(object, 'reportingComponent'),
  selectableFields: {
    names: [
      ...reference.map((field) => `involvedObject.${field}`),
      'reason',
      'reportingComponent',
      'source',
      'type',
    ],
    of: (object) => selectable(object, 'involvedObject', 'reportingComponent'),
  },
  columns,
  cells,
});

export const eventsEvent = defineBuiltIn({
  ...shared,
  kind: { group: 'events.k8s.io', version: 'v1', resource: 'events', kind: 'Event', namespaced: true },
  schema: 'io.k8s.api.events.v1.Event',
  conversion: {
    fromStored: (object) => rename(object, newNames),
    toStored: (object) => rename(object, coreNames),
  },
  validate: (object, old) => {
    const now = rename(object, coreNames);
    const errors = validateAlways(now, 'reportingController');
    const before = old === undefined ? undefined : rename(old, coreNames);
    return [...errors, ...(before === undefined ? validateNew(now) : validateUpdate(now, before))];
  },
  selectableFields: {
    names: [...reference.map((field) => `regarding.${field}`), 'reason', 'reportingController', 'type'],
    of: (object) => selectable(object, 'regarding', 'reportingController'),
  },
  columns,
  cells: (object, nowMs) => cells(rename(object, coreNames), nowMs),
});

function selectable(object: JsonObject, regarding: string, controller: string): Record<string, string> {
  const about = objectAt(object, regarding);
  const source = textAt(objectAt(object, 'source'), 'component');
  return {
    ...Object.fromEntries(reference.map((field) => [`${regarding}.${field}`, textAt(about, field)])),
    reason: textAt(object, 'reason'),
    [controller]: textAt(object, controller),
    source: source === '' ? textAt(object, controller) : source,
    type: textAt(object, 'type'),
  };
}

function cells(object: JsonObject, nowMs: number): (string | number)[] {
  const about = objectAt(object, 'involvedObject');
  const source = objectAt(object, 'source');
  const series = optionalObject(object, 'series');
  const kind = textAt(about, 'kind').toLowerCase();
  const name = textAt(about, 'name');
  const instance = textAt(source, 'host') || textAt(object, 'reportingInstance');
  const component = textAt(source, 'component') || textAt(object, 'reportingComponent');
  const first = since(own(object, isSet(object, 'firstTimestamp') ? 'firstTimestamp' : 'eventTime'), nowMs);
  const last = isSet(object, 'lastTimestamp') ? since(own(object, 'lastTimestamp'), nowMs) : first;
  return [
    series === undefined ? last : since(own(series, 'lastObservedTime'), nowMs),
    textAt(object, 'type'),
    textAt(object, 'reason'),
    name === '' ? kind : `${kind}/${name}`,
    textAt(about, 'fieldPath'),
    instance === '' ? component : `${component}, ${instance}`,
    textAt(object, 'message').trim(),
    first,
    series === undefined ? countAt(object, 'count') || 1 : countAt(series, 'count'),
    nameOf(object),
  ];
}

/** What holds in both APIs, of an event with core names. */
function validateAlways(object: JsonObject, controllerField: string): FieldError[] {
  const namespace = namespaceOf(object);
  const about = textAt(objectAt(object, 'involvedObject'), 'namespace');
  const isNew = isSet(object, 'eventTime');
  const homes = isNew ? ['default', 'kube-system'] : ['', 'default'];
  const isAtHome = about === '' ? homes.includes(namespace) : isNew || namespace === about;
  const errors: FieldError[] = [];
  if (!isAtHome) {
    const path = new FieldPath('involvedObject', 'namespace');
    errors.push(invalidValue(path, about, 'does not match event.namespace'));
  }
  return isNew ? [...errors, ...validateTexts(object, controllerField)] : errors;
}

function validateTexts(object: JsonObject, controllerField: string): FieldError[] {
  const controller = textAt(object, 'reportingComponent');
  const at = new FieldPath(controllerField);
  const errors = controller === '' ? [requiredValue(at)] : [];
  errors.push(...qualifiedName(controller, at));
  for (const field of ['reportingInstance', 'action', 'reason']) {
    const text = textAt(object, field);
    if (text === '') errors.push(requiredValue(field));
    if (Buffer.byteLength(text) > maxText) {
      errors.push(invalidValue(field, '', `can have at most ${maxText} characters`));
    }
  }
  if (Buffer.byteLength(textAt(object, 'message')) > maxNote) {
    errors.push(invalidValue('message', '', `can have at most ${maxNote} characters`));
  }
  return errors;
}

function validateNew(object: JsonObject): FieldError[] {
  const type = textAt(object, 'type');
  const source = objectAt(object, 'source');
  const unset = 'needs to be unset';
  const errors = validateSeries(object);
  if (!isSet(object, 'eventTime')) errors.push(requiredValue('eventTime'));
  if (type !== 'Normal' && type !== 'Warning') {
    errors.push(invalidValue('type', '', `has invalid value: ${type}`));
  }
  for (const field of ['firstTimestamp', 'lastTimestamp']) {
    if (isSet(object, field)) errors.push(invalidValue(field, '', unset));
  }
  if (countAt(object, 'count') !== 0) errors.push(invalidValue('count', '', unset));
  if (textAt(source, 'component') !== '' || textAt(source, 'host') !== '') {
    errors.push(invalidValue('source', '', unset));
  }
  return errors;
}

function validateSeries(object: JsonObject): FieldError[] {
  const series = optionalObject(object, 'series');
  if (series === undefined) return [];
  const errors: FieldError[] = [];
  if (countAt(series, 'count') < 2) errors.push(invalidValue('series.count', '', 'should be at least 2'));
  if (!isSet(series, 'lastObservedTime')) errors.push(requiredValue('series.lastObservedTime'));
  return errors;
}

const lasting = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'reason',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
];

function validateUpdate(object: JsonObject, old: JsonObject): FieldError[] {
  const isSameSeries = jsonEqual(own(object, 'series'), own(old, 'series'));
  return [
    ...(isSameSeries ? [] : validateSeries(object)),
    ...lasting.flatMap((field) => {
      const name = field === 'reportingComponent' ? 'reportingController' : field;
      return immutable(own(object, field), own(old, field), new FieldPath(name));
    }),
  ];
}
