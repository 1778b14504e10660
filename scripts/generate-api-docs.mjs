// node scripts/generate-api-docs.mjs: writes the tables of docs/api.md from the definitions of src/api; the text around
// them is written by hand. A test fails when they differ.
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { customResourceDefinitions } from '../src/api/custom-resource-definitions.ts';

const file = new URL('../docs/api.md', import.meta.url);

const noHelm = 'refused: condition `Stalled`, nothing is installed';
const noSource = 'refused: condition `Stalled`, nothing is fetched';
const notYet = 'refused: the source is `Stalled`';
const noPlugin = 'no: accepted and ignored';
const ofIstio = 'yes, with `istio`';
const noProvider = 'no: its provider is not supported';

/** What is not simply done, by kind and path. What is not named here is acted upon as its meaning says. */
const exceptions = {
  Application: {
    'source.gitRepository.url': 'yes: http and https; ssh is refused',
    'source.gitRepository.secretRef':
      'yes: `username` and `password`, `bearerToken`, `caFile` or `ca.crt`; keys for ssh and client certificates are refused',
    'source.gitRepository.include': notYet,
    'source.gitRepository.recurseSubmodules': notYet,
    'source.gitRepository.verify': notYet,
    'source.gitRepository.gitImplementation': 'no',
    'source.gitRepository.accessFrom': 'no',
    'source.helmRepository': noSource,
    'source.ociRepository': noSource,
    'syncPolicies[].helm': noHelm,
    'syncPolicies[].rollout.trafficRoutingProvider': '`istio`; of others the Canary becomes `Stalled`',
    'syncPolicies[].rollout.rolloutPolicy.revertOnDeletion':
      'yes, where somebody else deletes the Canary; the manager always restores the workload',
    'syncPolicies[].rollout.rolloutPolicy.trafficRouting.host': noProvider,
    'syncPolicies[].rollout.rolloutPolicy.trafficRouting.protocol': noProvider,
    'syncPolicies[].rollout.rolloutPolicy.trafficAnalysis.metrics[].customMetric': 'as in MetricTemplate',
  },
  Fleet: {
    'clusters[].kind': '`AttachedCluster`; others are named in the status and left out',
    'clusters[].apiVersion': 'no',
    'clusters[].namespace': 'no',
    'clusters[].uid': 'no',
    'clusters[].resourceVersion': 'no',
    'clusters[].fieldPath': 'no',
    'plugin.flagger.trafficRoutingProvider': '`istio`; others are refused (`UnsupportedProvider`)',
    'plugin.flagger.chart': 'no',
    'plugin.flagger.extraArgs': 'yes: those that are flags of the agent, or say where its pods run',
    'plugin.flagger.config': 'no',
    'plugin.metric': noPlugin,
    'plugin.grafana': noPlugin,
    'plugin.policy': noPlugin,
    'plugin.backup': noPlugin,
    'plugin.distributedStorage': noPlugin,
    'plugin.submariner': noPlugin,
  },
  Canary: {
    provider: '`istio` and `kubernetes`; of others the Canary becomes `Stalled`',
    targetRef: '`Deployment` and `DaemonSet` of `apps/v1`; of others the Canary becomes `Stalled`',
    'autoscalerRef.kind': '`HorizontalPodAutoscaler`; `ScaledObject` is refused',
    'autoscalerRef.primaryScalerQueries': 'no: of `ScaledObject`',
    ingressRef: 'its name only, as `{{ ingress }}` of queries',
    routeRef: 'its name only, as `{{ route }}` of queries',
    upstreamRef: noProvider,
    'service.backendTimeout': noProvider,
    'service.gatewayRefs': noProvider,
    'service.mirror': noProvider,
    'service.meshName': noProvider,
    'service.backends': noProvider,
    'service.rewrite.type': noProvider,
    'service.timeout': ofIstio,
    'service.gateways': ofIstio,
    'service.hosts': ofIstio,
    'service.delegation': ofIstio,
    'service.trafficPolicy': ofIstio,
    'service.match': ofIstio,
    'service.rewrite': ofIstio,
    'service.retries': ofIstio,
    'service.headers': ofIstio,
    'service.corsPolicy': ofIstio,
    'analysis.match': ofIstio,
    'analysis.stepWeight': ofIstio,
    'analysis.stepWeights': ofIstio,
    'analysis.maxWeight': ofIstio,
    'analysis.mirror': ofIstio,
    'analysis.mirrorWeight': ofIstio,
    'analysis.stepWeightPromotion': ofIstio,
    'analysis.sessionAffinity': ofIstio,
  },
  MetricTemplate: {
    'provider.type': '`prometheus`; a check with another one fails',
    'provider.region': 'no: of another provider',
    'provider.secretRef': 'yes: `token`, or `username` and `password`',
  },
  AlertProvider: {
    type: '`slack`, `discord` and `rocket`; others are logged and get nothing',
    proxy: 'no: logged, and sent without',
  },
};

/** Parts of Istio's API that are handed on as they stand. */
const istio = 'https://istio.io/latest/docs/reference/config/networking';
const handedOn = {
  match: `${istio}/virtual-service/#HTTPMatchRequest`,
  headers: `${istio}/virtual-service/#Headers`,
  retries: `${istio}/virtual-service/#HTTPRetry`,
  corsPolicy: `${istio}/virtual-service/#CorsPolicy`,
  trafficPolicy: `${istio}/destination-rule/#TrafficPolicy`,
};
const isHandedOn = (path, schema) =>
  Object.hasOwn(handedOn, path.split('.').at(-1)) && (schema.items ?? schema).properties !== undefined;

const code = (text) => `\`${text}\``;

function typeOf(schema) {
  if (schema.enum)
    return schema.enum
      .filter((value) => value !== '')
      .map(code)
      .join(', ');
  if (schema['x-kubernetes-int-or-string']) return 'number or name';
  if (schema.type === 'array') return schema.items.properties ? 'list' : `list of ${schema.items.type}s`;
  if (typeof schema.additionalProperties === 'object') {
    return schema.additionalProperties.type === 'string' ? 'map of strings' : 'map';
  }
  const { minimum, maximum } = schema;
  // Those of the format alone say nothing.
  const isBound = maximum !== undefined && maximum < 2 ** 31 - 1;
  if (isBound) return `${schema.type}, ${minimum ?? 0} to ${maximum}`;
  if (minimum !== undefined && minimum > -(2 ** 31)) return `${schema.type}, at least ${minimum}`;
  return schema.type ?? 'anything';
}

/** The row of a field, and whether those below it have rows of their own. */
function row(path, name, schema, isRequired, verdict) {
  const [, text = '', told = ''] = /^(.*?)(?:(?:^|\. )Default: (.*))?$/s.exec(schema.description ?? '') ?? [];
  const given =
    schema.default === undefined ? told : code(JSON.stringify(schema.default).replaceAll('"', ''));
  const link = isHandedOn(path, schema) ? `[as in Istio](${handedOn[path.split('.').at(-1)]})` : '';
  const meaning = [text, link].filter((part) => part !== '').join('; ');
  const cells = [code(name), typeOf(schema), isRequired ? '**required**' : given, meaning, verdict];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}

/**
 * @param from the path of the fields' parent; '' for the spec itself
 * @param elsewhere paths that have a table of their own
 */
function tableOf(kind, spec, from, elsewhere, seen) {
  const rows = ['| field | type | default | meaning | acted upon |', '|---|---|---|---|---|'];
  const walk = (schema, path, inherited) => {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      const at = path === '' ? name : `${path}.${name}`;
      const below = field.type === 'array' ? `${at}[]` : at;
      const own = exceptions[kind]?.[at];
      if (own !== undefined) seen.add(`${kind} ${at}`);
      const verdict = own ?? inherited;
      const shown = from === '' ? at : at.slice(from.length + 1);
      rows.push(row(at, shown, field, schema.required?.includes(name), verdict));
      const isClosed = /^(no|refused|its name|as in)\b/.test(verdict);
      if (isClosed || isHandedOn(at, field) || elsewhere.includes(below)) continue;
      const inner = field.items ?? field;
      walk(inner, below, verdict === ofIstio ? ofIstio : 'yes');
    }
  };
  walk(schemaAt(spec, from), from, 'yes');
  return rows.join('\n');
}

function schemaAt(spec, path) {
  let schema = spec;
  for (const part of path === '' ? [] : path.split('.')) {
    schema = schema?.properties?.[part.replace('[]', '')];
    if (part.endsWith('[]')) schema = schema?.items;
  }
  if (schema === undefined) throw new Error(`docs/api.md has a table for ${path}, which does not exist`);
  return schema;
}

const marker = /(<!-- fields: (\w+) ?(\S*) -->\n)[^]*?(<!-- end -->)/g;

/** The text with its tables made anew. */
export function withTables(text) {
  const specs = Object.fromEntries(
    Object.values(customResourceDefinitions).map(({ spec: { names, versions } }) => [
      names.kind,
      versions[0].schema.openAPIV3Schema.properties.spec,
    ]),
  );
  const tables = [...text.matchAll(marker)].map(([, , kind, path]) => ({ kind, path }));
  const missing = Object.keys(specs).filter((kind) => !tables.some((table) => table.kind === kind));
  if (missing.length > 0) throw new Error(`docs/api.md has no table for ${missing.join(', ')}`);
  const seen = new Set();
  const made = text.replaceAll(marker, (_all, begin, kind, path, end) => {
    const others = tables.filter((table) => table.kind === kind && table.path !== path);
    const elsewhere = others.map((table) => table.path);
    return `${begin}${tableOf(kind, specs[kind], path, elsewhere, seen)}\n${end}`;
  });
  const all = Object.entries(exceptions).flatMap(([kind, fields]) =>
    Object.keys(fields).map((at) => `${kind} ${at}`),
  );
  const stale = all.filter((one) => !seen.has(one));
  if (stale.length > 0) throw new Error(`no such field any more: ${stale.join(', ')}`);
  return made;
}

export function writeApiDocs() {
  writeFileSync(file, withTables(readFileSync(file, 'utf8')));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeApiDocs();
