import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VirtualClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import { seededRandom } from '../../../base/random.ts';
import { inProcessServer, startCluster } from '../cluster.ts';

const paths = [
  '/apis/authentication.k8s.io/v1/selfsubjectreviews',
  '/apis/authentication.k8s.io/v1/tokenreviews',
  '/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews',
  '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
  '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
  '/apis/authorization.k8s.io/v1/subjectaccessreviews',
  '/api/v1/namespaces/default/serviceaccounts/default/token',
  '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
];
const attributes = fc.oneof(
  fc.jsonValue(),
  fc.dictionary(fc.constantFrom('verb', 'group', 'resource', 'namespace', 'name', 'path'), fc.jsonValue()),
);
const spec = fc.oneof(
  fc.jsonValue(),
  fc.dictionary(
    fc.constantFrom(
      'resourceAttributes',
      'nonResourceAttributes',
      'user',
      'groups',
      'namespace',
      'token',
      'audiences',
      'expirationSeconds',
      'boundObjectRef',
    ),
    attributes,
  ),
);
const bodies = fc.oneof(
  fc.jsonValue(),
  fc.record(
    { metadata: fc.jsonValue(), spec, rules: fc.jsonValue(), roleRef: attributes },
    { requiredKeys: [] },
  ),
);
const headers = fc.dictionary(
  fc.constantFrom(
    'authorization',
    'impersonate-user',
    'impersonate-group',
    'impersonate-uid',
    'impersonate-extra-a%',
    'origin',
    'host',
  ),
  fc.oneof(
    fc.string(),
    fc.string().map((token) => `Bearer ${token}`),
    fc.constant('Bearer e30.e30.e30'),
  ),
  { maxKeys: 2 },
);

test('whatever somebody says about himself is answered, and never with a failure of the server', async () => {
  const cluster = await startCluster({ clock: new VirtualClock(), random: seededRandom(1), log: silentLog });
  const send = async (path: string, json: unknown, extra: Record<string, string>): Promise<number> => {
    const init = { method: 'POST', json, headers: { 'content-type': 'application/json', ...extra } };
    const response = await cluster.fetch(`${inProcessServer}${path}`, init);
    response.cancel();
    return response.status;
  };
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), bodies, headers, async (path, body, extra) => {
      expect(await send(path, body, extra)).toBeLessThan(500);
    }),
    { numRuns: 1500 },
  );
  await cluster.close();
});
