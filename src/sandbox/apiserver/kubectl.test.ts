import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kubectlPath } from '../../../scripts/kubectl.mjs';
import { jsonResponse } from '../../base/fetch.ts';
import type { HttpHandler, Listener } from '../../base/network.ts';
import { readBody } from '../../base/network.ts';
import { listenSocket } from '../../base/socket-network.ts';
import { Discovery } from './discovery.ts';
import { decodeProtobuf } from './protobuf/decode.ts';
import { answerServerInfo } from './server-info.ts';
import { canary, smallRegistry } from './served-kinds.test-double.ts';
import { OpenApi } from './openapi/openapi.ts';

// What real clients make of the documents, and of protobuf: kubectl is the judge.

const kubectl = kubectlPath();
if (kubectl === undefined) console.warn('skipped: no kubectl on PATH and none packaged for this machine');

const registry = smallRegistry();
registry.add(canary());
const discovery = new Discovery(registry);
const openApi = new OpenApi(registry);
const posted: unknown[] = [];

const handler: HttpHandler = async (request) => {
  const answer = answerServerInfo(request, registry) ?? discovery.answer(request) ?? openApi.answer(request);
  if (answer !== undefined) return answer;
  if (request.method !== 'POST') return jsonResponse(404, { kind: 'Status', apiVersion: 'v1', code: 404 });
  expect(request.headers['content-type']).toBe('application/vnd.kubernetes.protobuf');
  const object = decodeProtobuf(await readBody(request.body(), 1e6));
  posted.push(object);
  return jsonResponse(201, object);
};

describe.skipIf(kubectl === undefined)('kubectl', () => {
  const cache = mkdtempSync(join(tmpdir(), 'viridian-kubectl-'));
  let listener: Listener;

  beforeAll(async () => {
    listener = await listenSocket(0, { http: handler });
  });

  afterAll(async () => {
    await listener.close(AbortSignal.abort());
    rmSync(cache, { recursive: true });
  });

  async function run(...args: string[]): Promise<string> {
    const server = `http://${listener.address}:${listener.port}`;
    const flags = ['--server', server, '--cache-dir', cache, ...args];
    const env = { HOME: cache, PATH: process.env['PATH'] ?? '' };
    const { stdout } = await promisify(execFile)(kubectl ?? '', flags, { env });
    return stdout;
  }

  test('lists what is served', async () => {
    expect(await run('api-resources', '--no-headers')).toMatch(
      /configmaps +cm +v1 +true +ConfigMap\n[^]*deployments +deploy +apps\/v1 +true +Deployment\n[^]*canaries +flagger\.app\/v1beta1 +true +Canary\n/,
    );
    expect(await run('version', '-o', 'json')).toContain('"gitVersion": "v1.36.2+viridian"');
  });

  test('explains built-in and custom kinds', async () => {
    expect(await run('explain', 'deployment.spec.replicas')).toMatch(
      /^GROUP: +apps\nKIND: +Deployment\nVERSION: +v1\n\nFIELD: replicas <integer>/,
    );
    expect(await run('explain', 'configmap')).toMatch(/metadata\s+<ObjectMeta>/);
    expect(await run('explain', 'canaries.spec.targetRef')).toMatch(
      /FIELD: targetRef <Object>[^]*target selector/,
    );
    expect(await run('explain', 'canaries.metadata.name')).toMatch(/FIELD: name <string>/);
  });

  test('reads version 2 as protobuf', async () => {
    expect(await run('explain', 'deployment.spec', '--output=plaintext-openapiv2')).toMatch(
      /^KIND: +Deployment\n[^]*selector\t<Object> -required-/,
    );
    expect(await run('explain', 'canaries.spec', '--output=plaintext-openapiv2')).toMatch(
      /targetRef\t<Object> -required-/,
    );
  });

  test.each([
    'namespace a',
    'configmap c --from-literal=a=1',
    'secret generic s --from-literal=a=1',
    'deployment d --image=x:1 --port=80 --replicas=2',
    'service clusterip s --tcp=80:8080',
    'job j --image=x',
    'cronjob j --image=x --schedule=@daily',
    'quota q --hard=cpu=1500m,pods=2',
    'ingress i --rule=a.example/x*=svc:80',
    'serviceaccount s',
    'poddisruptionbudget p --selector=a=b --min-available=50%',
    'priorityclass p --value=5',
    'clusterrole r --verb=get --non-resource-url=/x',
    'rolebinding r --role=x --user=u',
  ])('create %s sends what it shows', async (command) => {
    const args = ['create', ...command.split(' ')];
    const shown: unknown = JSON.parse(await run(...args, '--dry-run=client', '-o', 'json'));
    posted.length = 0;
    await run(...args);
    // Older ones show times and lists that are not there as null, and add the namespace after the fact.
    expect(withoutNull(posted[0])).toEqual(withoutNull(shown));
  });
});

function withoutNull(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, inner: unknown) => inner ?? undefined));
}
