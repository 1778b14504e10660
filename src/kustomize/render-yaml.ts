import { Document, stringify, visit } from 'yaml';
import type { Unstructured } from '../machinery/object.ts';

/** Text that YAML 1.1 or go-yaml would read as something else than text. */
const ambiguous =
  /^(?:~|null|y|n|yes|no|on|off|true|false|\.nan|[-+]?\.inf|[-+]?[0-9][0-9_.:]*(?:e[-+]?[0-9]+)?|[-+]?0[xob][0-9a-f_]+|\d{4}-\d\d?-\d\d?.*|<<|=)$/i;

/** Objects as kustomize prints them: sorted keys, lists as far in as their key, documents between `---`. */
export function renderYaml(objects: readonly Unstructured[]): string {
  return objects.map(renderObject).join('---\n');
}

function renderObject(object: Unstructured): string {
  const document = new Document(object, {
    version: '1.1',
    sortMapEntries: true,
    aliasDuplicateObjects: false,
  });
  visit(document, {
    Map(_, map) {
      if (map.items.length === 0) map.flow = true;
    },
    Scalar(_, scalar) {
      if (typeof scalar.value !== 'string') return;
      if (scalar.value.includes('\n')) scalar.type = 'BLOCK_LITERAL';
      else if (ambiguous.test(scalar.value)) scalar.type = 'QUOTE_DOUBLE';
      else if (scalar.value.includes("'") && isQuoted(scalar.value)) scalar.type = 'QUOTE_SINGLE';
    },
  });
  return document.toString({ indentSeq: false, lineWidth: 0, singleQuote: true });
}

/** Between double quotes, to save the single ones; escapes stay there. */
function isQuoted(text: string): boolean {
  return /^"[^\\]*"\n$/.test(stringify(text, { version: '1.1', lineWidth: 0 }));
}
