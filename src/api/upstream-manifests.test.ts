import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { VirtualClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { seededRandom } from '../base/random.ts';
import { ensureCustomResourceDefinitions } from '../kube/custom-resource-definitions.ts';
import { asJson, type Unstructured } from '../machinery/object.ts';
import { type Cluster, inProcessServer, startCluster } from '../sandbox/apiserver/cluster.ts';
import { validateApplication } from './application-validation.ts';
import type { Application } from './application.ts';
import { validateCanary } from './canary-validation.ts';
import type { Canary } from './canary.ts';
import { customResourceDefinitions } from './custom-resource-definitions.ts';

const clock = new VirtualClock();
let cluster: Cluster;

beforeAll(async () => {
  const seams = { clock, random: seededRandom('upstream'), log: silentLog };
  cluster = await clock.run(startCluster(seams));
  const definitions = Object.values(customResourceDefinitions);
  const { signal } = new AbortController();
  await clock.run(
    ensureCustomResourceDefinitions({ ...seams, client: cluster.client(), definitions, signal }),
  );
});

afterAll(() => cluster.close());

const plurals: Readonly<Record<string, string>> = { Canary: 'canaries' };

/** What the API server stores; unknown fields are errors. */
async function stored(object: Unstructured): Promise<Unstructured> {
  const plural = plurals[object.kind] ?? `${object.kind.toLowerCase()}s`;
  const url = `${inProcessServer}/apis/${object.apiVersion}/namespaces/default/${plural}`;
  const response = await clock.run(
    cluster.fetch(`${url}?fieldValidation=Strict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(object),
    }),
  );
  const body = await response.json();
  expect(body).not.toHaveProperty('message');
  return body as Unstructured;
}

/** What the program has against it. */
function problemsOf(object: Unstructured): readonly unknown[] {
  if (object.kind === 'Application') return validateApplication(object as unknown as Application);
  if (object.kind === 'Canary')
    return validateCanary((object as unknown as Canary).spec, { namespace: 'default' });
  return [];
}

describe.each(['flagger', 'kurator'])('a manifest that users of %s have', (origin) => {
  const text = readFileSync(new URL(`testdata/${origin}.yaml`, import.meta.url), 'utf8');
  const objects = parseAllDocuments(text).map((document) => document.toJS() as Unstructured);

  test.each(
    objects.map((object): [string, string, Unstructured] => [
      object.kind,
      object.metadata.name ?? '',
      object,
    ]),
  )('is accepted as it is, and nothing of it is lost: %s %s', async (_kind, _name, object) => {
    const answer = await stored(object);

    expect(asJson(answer)['spec']).toMatchObject(asJson(object)['spec'] as object);
    expect(problemsOf(answer)).toEqual([]);
  });
});
