import { RE2JS } from 're2js';
import { jsonClone, type Json } from '../machinery/json.ts';
import { sizeOf, type Budget } from './budget.ts';
import { buildError, unsupported } from './build-error.ts';
import { gvkMatches } from './field-spec.ts';
import type { Replacement, ReplacementOptions, Selector } from './kustomization.ts';
import { plainScalar } from './plain-scalar.ts';
import { findPlaces, type Place } from './replacement-path.ts';
import {
  effectiveNamespace,
  formatId,
  gvkOfResource,
  idOf,
  nameOf,
  namespaceOf,
  rememberId,
  type Resource,
  type ResourceList,
} from './resource.ts';
import { compileSelector } from './selector.ts';

/** Copies the value of one field, or a part of it, into others. */
export function replace(resources: ResourceList, replacement: Replacement, where: string): void {
  const { budget } = resources;
  const value = readSource(resources, replacement, where);
  if (replacement.targets == null) throw buildError(`${where}: a replacement must have targets`);
  for (const target of replacement.targets) {
    if (target.select == null) throw buildError(`${where}: a target must have select`);
    const isSelected = compileSelector(orToTheLetter(target.select), `${where}: select`, budget);
    const rejects = (target.reject ?? [])
      .filter(isFilled)
      .map((one) => compileSelector(orToTheLetter(one), `${where}: reject`, budget));
    const targets = resources.all.filter(
      (resource) => isSelected(resource) && !rejects.some((isRejected) => isRejected(resource)),
    );
    const paths =
      target.fieldPaths == null || target.fieldPaths.length === 0 ? ['metadata.name'] : target.fieldPaths;
    for (const resource of targets) {
      rememberId(resource);
      for (const path of paths) replaceAt(resource, path, value, target.options ?? {}, { where, budget });
    }
  }
  resources.refresh(where);
}

/** Names were no patterns before kustomize 5.7: one like `$(profile)` still means what is written there. */
function orToTheLetter(selector: Selector): Selector {
  const { name = '' } = selector;
  const literal = RE2JS.quote(name);
  return literal === name ? selector : { ...selector, name: `${name}|${literal}` };
}

function isFilled(selector: Selector): boolean {
  return Object.values(selector).some((part) => part !== undefined && part !== '');
}

function readSource({ all, budget }: ResourceList, { source }: Replacement, where: string): Json {
  if (source == null) throw buildError(`${where}: a replacement must have a source`);
  budget.spendLooks(all.length, where);
  const matches = all.filter(
    (resource) =>
      gvkMatches(source, gvkOfResource(resource)) &&
      [
        // What kustomize remembers of a cluster-scoped object is without the namespace that may be written in it.
        ...resource.previousIds.map((id) => ({ name: id.name, namespace: effectiveNamespace(id) })),
        { name: nameOf(resource), namespace: namespaceOf(resource) || 'default' },
      ].some((id) => fits(source.name, id.name) && fits(source.namespace, id.namespace)),
  );
  const [resource] = matches;
  if (resource === undefined || matches.length > 1) {
    throw buildError(
      `${where}: ${matches.length === 0 ? 'nothing' : 'more than one object'} is selected by the source ${JSON.stringify(source)}`,
    );
  }
  const path = source.fieldPath === undefined || source.fieldPath === '' ? 'metadata.name' : source.fieldPath;
  const value = findPlaces(resource.object, path, { create: false, exact: true, where, budget })[0]?.value;
  if (value === undefined)
    throw buildError(
      `${where}: fieldPath ${path} is missing for replacement source ${formatId(idOf(resource))}`,
    );
  return part(value, source.options ?? {}, where);
}

function fits(wanted: string | undefined, actual: string): boolean {
  return wanted === undefined || wanted === '' || wanted === actual;
}

/** The piece of a text that the options of a source name. */
function part(value: Json, { delimiter, index = 0 }: ReplacementOptions, where: string): Json {
  if (delimiter === undefined || delimiter === '') return value;
  const piece = typeof value === 'object' ? undefined : String(value).split(delimiter)[index];
  if (piece === undefined)
    throw buildError(`${where}: options.index ${index} is out of bounds for value ${JSON.stringify(value)}`);
  return piece;
}

function replaceAt(
  resource: Resource,
  path: string,
  value: Json,
  options: ReplacementOptions,
  { where, budget }: { readonly where: string; readonly budget: Budget },
): void {
  if (options.encoding !== undefined && options.encoding !== '')
    throw unsupported(`${where}: options.encoding is not supported`);
  const places = findPlaces(resource.object, path, { create: options.create === true, where, budget });
  const found = options.create === true ? places : places.filter((place) => place.value !== undefined);
  if (found.length === 0)
    throw buildError(
      `${where}: unable to find field ${JSON.stringify(path)} in replacement target ${formatId(idOf(resource))}`,
    );
  for (const place of found) {
    budget.spendCopies(sizeOf(value) + sizeOf(place.value), 1, where);
    const made = replaced(place, value, options, where);
    // Annotations are texts, whatever is copied there.
    place.set(path.startsWith('metadata.annotations.') && typeof made !== 'object' ? String(made) : made);
  }
}

function replaced(
  place: Place,
  value: Json,
  { delimiter, index = 0 }: ReplacementOptions,
  where: string,
): Json {
  if (delimiter === undefined || delimiter === '') {
    if (typeof value !== 'object' || value === null) return scalar(place.value, String(value), where);
    // Kustomize leaves an empty text, or fails.
    if (place.value != null && typeof place.value !== 'object')
      throw buildError(`${where}: a map or a list cannot take the place of a ${typeof place.value}`);
    return jsonClone(value);
  }
  if (typeof value === 'object')
    throw buildError(`${where}: delimiter option can only be used with scalar values`);
  if (place.value != null && typeof place.value === 'object') {
    throw buildError(`${where}: delimiter option can only be used with scalar values`);
  }
  const pieces = String(place.value ?? '').split(delimiter);
  if (index < 0) pieces.unshift(String(value));
  else if (index >= pieces.length) pieces.push(String(value));
  else pieces[index] = String(value);
  return scalar(place.value, pieces.join(delimiter), where);
}

/** A text as the type of what was there: the "3" of a ConfigMap is a number in `spec.replicas`. */
function scalar(before: Json | undefined, text: string, where: string): Json {
  if (typeof before === 'string') return text;
  const value = plainScalar(text);
  if (before === undefined || (typeof before === 'object' && before !== null)) return value;
  const fits = typeof value === typeof before && (!Number.isInteger(before) || Number.isInteger(value));
  if (!fits) {
    const was = before === null ? 'null' : `a ${typeof before}`;
    throw buildError(`${where}: ${JSON.stringify(text)} cannot take the place of ${was}`);
  }
  return value;
}
