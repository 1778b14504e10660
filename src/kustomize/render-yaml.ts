import { Document, stringify, visit } from 'yaml';
import type { Unstructured } from '../machinery/object.ts';
import { plainScalar } from './plain-scalar.ts';

/** Words and numbers of YAML 1.1 that stay text here, so that no reader takes them for anything else. */
const words = /^(?:y|n|yes|no|on|off|<<|[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?)$/i;

/** Text that YAML 1.1 or go-yaml would read as something else than text, or not at all. */
function needsQuotes(text: string): boolean {
  return plainScalar(text) !== text || words.test(text) || /\t| \n/.test(text);
}

/** Objects as kustomize prints them: sorted keys, lists as far in as their key, documents between `---`. */
export function renderYaml(objects: readonly Unstructured[]): string {
  return objects.map(renderObject).join('---\n');
}

function renderObject(object: Unstructured): string {
  const document = new Document(object, {
    version: '1.1',
    // << is text like any other.
    customTags: (tags) =>
      tags.filter((tag) => typeof tag === 'string' || tag.tag !== 'tag:yaml.org,2002:merge'),
    sortMapEntries: true,
    aliasDuplicateObjects: false,
  });
  visit(document, {
    Map(_, map) {
      if (map.items.length === 0) map.flow = true;
    },
    Scalar(_, scalar) {
      if (typeof scalar.value !== 'string') return;
      if (needsQuotes(scalar.value)) scalar.type = 'QUOTE_DOUBLE';
      else if (scalar.value.includes('\n')) scalar.type = 'BLOCK_LITERAL';
      else if (scalar.value.includes("'") && isQuoted(scalar.value)) scalar.type = 'QUOTE_SINGLE';
    },
  });
  return document.toString({ indentSeq: false, lineWidth: 0, singleQuote: true });
}

/** Between double quotes, to save the single ones; escapes stay there. */
function isQuoted(text: string): boolean {
  return /^"[^\\]*"\n$/.test(stringify(text, { version: '1.1', lineWidth: 0 }));
}
