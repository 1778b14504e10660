import { parseTime } from '../../../base/time.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { own } from '../../../machinery/json.ts';
import type { TableColumn } from '../resource-definition.ts';
import { labelsAt, objectAt, objectsAt, textAt, textsAt } from './fields.ts';
import { humanDuration } from './human-duration.ts';

export const none = '<none>';

/**
 * A column of text.
 *
 * @param description a sentence
 */
export function column(name: string, description: string): TableColumn {
  return { name, type: 'string', description, priority: 0 };
}

export function integerColumn(name: string, description: string): TableColumn {
  return { name, type: 'integer', description, priority: 0 };
}

/** A column that only wide output shows. */
export function wideColumn(name: string, description: string): TableColumn {
  return { name, type: 'string', description, priority: 1 };
}

export const ageColumn = column('Age', 'How long ago the object was created');

export const containerColumns: readonly TableColumn[] = [
  wideColumn('Containers', 'Names of each container in the template.'),
  wideColumn('Images', 'Images referenced by each container in the template.'),
];

/** How long ago, or `<unknown>` for no time. */
export function since(time: Json | undefined, nowMs: number): string {
  if (typeof time !== 'string' || time === '') return '<unknown>';
  try {
    return humanDuration(nowMs - parseTime(time));
  } catch {
    return '<unknown>';
  }
}

export function age(object: JsonObject, nowMs: number): string {
  return since(own(objectAt(object, 'metadata'), 'creationTimestamp'), nowMs);
}

/** `a=1,b=2`, in order of the keys. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  const text = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join(',');
  return text === '' ? none : text;
}

/** A `LabelSelector` as text: `app=web,tier in (a,b),!old`. */
export function formatLabelSelector(selector: JsonObject | undefined): string {
  if (selector === undefined) return none;
  const terms = Object.entries(labelsAt(selector, 'matchLabels')).map(([key, value]) => ({
    key,
    text: `${key}=${value}`,
  }));
  for (const expression of objectsAt(selector, 'matchExpressions')) {
    const key = textAt(expression, 'key');
    const values = textsAt(expression, 'values').toSorted().join(',');
    const texts: Readonly<Record<string, string>> = {
      In: `${key} in (${values})`,
      NotIn: `${key} notin (${values})`,
      Exists: key,
      DoesNotExist: `!${key}`,
    };
    const text = own(texts, textAt(expression, 'operator'));
    if (text === undefined) return '<error>';
    terms.push({ key, text });
  }
  const ordered = terms.toSorted((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)));
  return ordered.length === 0 ? none : ordered.map(({ text }) => text).join(',');
}

/** The cells of {@link containerColumns}. @param template a pod template */
export function containerCells(template: JsonObject): [string, string] {
  const containers = objectsAt(objectAt(template, 'spec'), 'containers');
  const join = (field: string): string => containers.map((container) => textAt(container, field)).join(',');
  return [join('name'), join('image')];
}

/** The first three of a list, and how many more there are. */
export function firstThree(list: readonly string[], empty: string): string {
  const text = list.slice(0, 3).join(',');
  if (list.length > 3) return `${text} + ${list.length - 3} more...`;
  return text === '' ? empty : text;
}
