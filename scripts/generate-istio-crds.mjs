// node scripts/generate-istio-crds.mjs FOLDER: writes the CRDs of networking.istio.io that a sandbox installs.
// FOLDER is a checkout of https://github.com/istio/api (Apache-2.0). Descriptions are kept for `kubectl explain`.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: node scripts/generate-istio-crds.mjs FOLDER');
  process.exit(2);
}

const served = new Set([
  'destinationrules',
  'gateways',
  'serviceentries',
  'sidecars',
  'virtualservices',
  'workloadentries',
]);
const text = readFileSync(join(folder, 'kubernetes', 'customresourcedefinitions.gen.yaml'), 'utf8');
const definitions = parseAllDocuments(text)
  .map((document) => document.toJS())
  .filter((crd) => crd?.spec?.group === 'networking.istio.io' && served.has(crd.spec.names.plural))
  .map((crd) => {
    // What Helm would own, and what the API server fills in.
    const { annotations: _annotations, ...metadata } = crd.metadata;
    return { ...crd, metadata };
  });
const file = new URL('../src/sandbox/mesh/istio-crds.generated.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(definitions)}\n`);
console.log(`${definitions.length} definitions`);
