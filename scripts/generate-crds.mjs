// node scripts/generate-crds.mjs: writes deploy/crds/*.yaml and the tables of docs/api.md from src/api. Tests fail when
// they differ.
import { mkdirSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { customResourceDefinitions } from '../src/api/custom-resource-definitions.ts';
import { writeApiDocs } from './generate-api-docs.mjs';

const folder = new URL('../deploy/crds/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [file, definition] of Object.entries(customResourceDefinitions)) {
  const header = '# Generated from src/api by scripts/generate-crds.mjs. Do not edit.\n';
  writeFileSync(
    new URL(file, folder),
    header + stringify(definition, { aliasDuplicateObjects: false, lineWidth: 0, singleQuote: true }),
  );
}
writeApiDocs();
console.log(`${Object.keys(customResourceDefinitions).length} definitions`);
