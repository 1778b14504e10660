import { isObject, own, setOwn, type Json } from '../machinery/json.ts';
import { sizeOf, type Budget } from './budget.ts';
import { buildError } from './build-error.ts';
import { compilePattern } from './selector.ts';

/** One value inside an object, and how to put another one in its place. */
export interface Place {
  readonly value: Json | undefined;
  readonly set: (value: Json) => void;
}

/** How places are looked for. */
export interface Walk {
  /** Missing maps and members are made. */
  readonly create: boolean;
  /** A source is one place: `[key=value]` is to the letter, and there is no `*`. */
  readonly exact?: boolean;
  readonly where: string;
  readonly budget: Budget;
}

const maxPathLength = 4096;

/** Splits at dots, but not inside brackets; `\.` is a dot, `[a.b/c]` a key, `[name=x]` a condition. */
function splitFieldPath(path: string, where: string): string[] {
  if (path.length > maxPathLength) throw buildError(`${where}: longer than ${maxPathLength} characters`);
  const parts = path.replace(/^\./, '').split(/(?<!\\)\.(?![^[]*\])/);
  return parts.map((part) => (/^\[[^=]*\]$/.test(part) ? part.slice(1, -1) : part.replaceAll('\\.', '.')));
}

/**
 * The places that a path leads to: `*` means every item of a list, a number one of them, `[key=pattern]` those where
 * the pattern is found in the value of the key, anywhere in it.
 */
export function findPlaces(root: Json, path: string, walk: Walk): Place[] {
  walk.budget.spendWalks(sizeOf(root), 1, walk.where);
  let places: Place[] = [{ value: root, set: () => {} }];
  const parts = splitFieldPath(path, walk.where);
  for (const [i, part] of parts.entries()) {
    const next = parts[i + 1];
    const needsList = next !== undefined && isListStep(next);
    places = places.flatMap((place) => step(place, part, needsList, walk));
  }
  return places;
}

function isListStep(part: string): boolean {
  return part.startsWith('[') || part === '-' || /^\d+$/.test(part);
}

function step(place: Place, part: string, needsList: boolean, walk: Walk): Place[] {
  const { create } = walk;
  let { value } = place;
  if (value == null && create) {
    value = isListStep(part) ? [] : {};
    place.set(value);
  }
  if (Array.isArray(value)) return listStep(value, part, walk);
  if (!isObject(value)) return [];
  if (part === '*') return [];
  if (!Object.hasOwn(value, part)) {
    if (!create) return [];
    if (needsList) setOwn(value, part, []);
  }
  return [member(value, part)];
}

function member(object: { [key: string]: Json }, key: string): Place {
  return { value: own(object, key), set: (value) => setOwn(object, key, value) };
}

function listStep(list: Json[], part: string, walk: Walk): Place[] {
  const { create, exact = false, where, budget } = walk;
  const item = (index: number): Place => ({
    value: list[index],
    set: (value) => {
      list[index] = value;
    },
  });
  if (part === '*') return exact ? [] : list.map((_, index) => item(index));
  if (/^\d+$/.test(part))
    return Number(part) < list.length || (create && Number(part) === list.length) ? [item(Number(part))] : [];
  const condition = /^\[([^=]*)=(.*)\]$/.exec(part);
  if (condition === null) return [];
  const [, key = '', pattern = ''] = condition;
  const isMeant = exact
    ? (text: string): boolean => text === pattern
    : compilePattern(pattern, `${where}: ${part}`, budget);
  const found = list.flatMap((value, index) => {
    const text = key === '' ? value : isObject(value) ? own(value, key) : undefined;
    return text != null && typeof text !== 'object' && isMeant(String(text)) ? [item(index)] : [];
  });
  if (found.length > 0 || !create || key === '') return found;
  if (list.length >= 10_000) throw buildError(`${where}: too many items`);
  list.push({ [key]: pattern });
  return [item(list.length - 1)];
}
