import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { ApplicationWorld } from '../application/application-world.test-double.ts';
import { names } from '../fleet-world.test-double.ts';
import { attachedClusterKind, fleetKind } from '../kinds.ts';

interface Role {
  kind: string;
  rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

/** `VERB GROUP/RESOURCE` of all that a rule allows. */
function allowed(): Set<string> {
  const text = readFileSync(new URL('../../../deploy/manager/manager.yaml', import.meta.url), 'utf8');
  const role = parseAllDocuments(text)
    .map((document) => document.toJS() as Role)
    .find(({ kind }) => kind === 'ClusterRole');
  return new Set(
    role?.rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
      ),
    ),
  );
}

const verbs: Readonly<Record<string, string>> = {
  PATCH: 'patch',
  POST: 'create',
  PUT: 'update',
  DELETE: 'delete',
};

/** As the API server names what a request asks for. */
function rightFor(method: string, path: string): string {
  const [, group = '', rest = ''] =
    /^\/(?:api\/v1|apis\/([^/]+)\/[^/]+)\/(?:namespaces\/[^/]+\/)?(.+)$/.exec(path) ?? [];
  const [resource = '', name, subresource] = rest.split('/');
  const verb = verbs[method] ?? (method === 'GET' ? (name === undefined ? 'list' : 'get') : method);
  return `${verb} ${group}/${resource}${subresource === undefined ? '' : `/${subresource}`}`;
}

/** Rights that this life of a fleet does not need. */
const forOtherDays = [
  // The manager brings its kinds before it begins to work.
  ...['create', 'get', 'list', 'update', 'watch'].map(
    (verb) => `${verb} apiextensions.k8s.io/customresourcedefinitions`,
  ),
  // After a conflict with another writer.
  'get apps.kurator.dev/applications',
  'get fleet.kurator.dev/fleets',
  // An event that comes again.
  'patch /events',
];

test('deploy/manager allows what the manager does on its host, and nothing else', async () => {
  const world = new ApplicationWorld();
  await world.open();
  try {
    await world.begin();
    await world.applyExample('blue_green.yaml', ({ spec }) => {
      Object.assign(spec.source.gitRepository ?? {}, { secretRef: { name: names[0] } });
    });
    await world.settle();
    await world.runPods(...names);
    await world.deleteApplication();
    await world.settle(60_000);
    await world.run(world.host.resource(fleetKind).delete({ namespace: 'default', name: 'quickstart' }));
    await world.settle(60_000);
    for (const name of names) {
      await world.run(world.host.resource(attachedClusterKind).delete({ namespace: 'default', name }));
    }
    await world.settle();

    const used = new Set<string>();
    for (const request of world.requests) {
      const [method = '', cluster, path = ''] = request.split(' ');
      if (cluster === 'host') used.add(rightFor(method, path));
    }
    for (const watch of world.watches) {
      const [cluster, path = ''] = watch.split(' ');
      if (cluster === 'host') used.add(rightFor('watch', path));
    }
    expect([...new Set([...used, ...forOtherDays])].toSorted()).toEqual([...allowed()].toSorted());
  } finally {
    await world.close();
  }
});
