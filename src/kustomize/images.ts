import { isObject, own, setOwn, type Json } from '../machinery/json.ts';
import { sizeOf } from './budget.ts';
import { buildError } from './build-error.ts';
import { changeField, type FieldSpec } from './field-spec.ts';
import type { Image } from './kustomization.ts';
import { formatId, gvkOfResource, idOf, type Resource, type ResourceList } from './resource.ts';
import { compilePattern } from './selector.ts';

/**
 * Sets names, tags and digests of the images of containers, wherever in an object containers stand.
 * @param specs other fields that hold the name of an image
 */
export function setImages(
  { all, budget }: ResourceList,
  images: readonly Image[],
  specs: readonly FieldSpec[],
  where: string,
): void {
  for (const image of images) {
    const isMeant = compilePattern(
      `^${image.name}(:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-zA-Z0-9_.{}-]*)?$`,
      `${where}: images: name ${image.name}`,
      budget,
    );
    for (const resource of all) {
      budget.spendWalks(sizeOf(resource.object), 1, where);
      if (gvkOfResource(resource).kind === 'CustomResourceDefinition') continue;
      setIn(resource.object, image, isMeant);
      for (const spec of specs) setAt(resource, spec, image, isMeant);
    }
  }
}

type TextTest = (text: string) => boolean;

function setAt(resource: Resource, spec: FieldSpec, image: Image, isMeant: TextTest): void {
  changeField(
    resource,
    spec,
    () => '',
    (value) => {
      if (isObject(value) || Array.isArray(value))
        throw buildError(`${formatId(idOf(resource))}: ${spec.path} holds no name of an image`);
      return typeof value === 'string' && isMeant(value) ? renamed(value, image) : value;
    },
  );
}

function setIn(value: Json, image: Image, isMeant: TextTest): void {
  if (Array.isArray(value)) for (const item of value) setIn(item, image, isMeant);
  if (!isObject(value)) return;
  for (const [key, child] of Object.entries(value)) {
    if (key === 'containers' || key === 'initContainers') {
      for (const container of Array.isArray(child) ? child : []) setText(container, 'image', image, isMeant);
    } else if (key === 'volumes') {
      for (const volume of Array.isArray(child) ? child : []) {
        if (isObject(volume)) setText(own(volume, 'image'), 'reference', image, isMeant);
      }
    }
    setIn(child, image, isMeant);
  }
}

function setText(holder: Json | undefined, field: string, image: Image, isMeant: TextTest): void {
  if (!isObject(holder)) return;
  const text = own(holder, field);
  if (typeof text === 'string' && isMeant(text)) setOwn(holder, field, renamed(text, image));
}

function renamed(text: string, { newName = '', newTag = '', digest = '', tagSuffix = '' }: Image): string {
  const parts = splitImage(text);
  const name = newName === '' ? parts.name : newName;
  if (newTag !== '' && digest !== '') return `${name}:${newTag}@${digest}`;
  if (newTag !== '') return `${name}:${newTag}`;
  if (digest !== '') return `${name}@${digest}`;
  if (tagSuffix !== '') return `${name}:${parts.tag}${tagSuffix}`;
  return `${name}${parts.tag === '' ? '' : `:${parts.tag}`}${parts.digest === '' ? '' : `@${parts.digest}`}`;
}

/** A colon before the last slash belongs to a port. */
function splitImage(text: string): { readonly name: string; readonly tag: string; readonly digest: string } {
  const at = text.indexOf('@');
  const [rest, digest] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
  const colon = rest.indexOf(':', rest.lastIndexOf('/') + 1);
  if (colon < 0) return { name: rest, tag: '', digest };
  return { name: rest.slice(0, colon), tag: rest.slice(colon + 1), digest };
}
