import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configMapKind, nodeKind, secretKind, podKind, type ContainerStatus, type Pod } from './kinds.ts';
import { ready, TestNode } from './test-node.test-double.ts';

let node: TestNode;

beforeEach(async () => {
  node = await new TestNode().start();
});

afterEach(async () => {
  await node.close();
  expect(node.problems).toEqual([]);
});

function app(pod: Pod): ContainerStatus {
  return pod.status!.containerStatuses!.find(({ name }) => name === 'app')!;
}

describe('a pod runs', () => {
  test('its container serves at the address in its status', async () => {
    const pod = await node.pod('web', {});
    expect(pod.status).toMatchObject({
      phase: 'Running',
      hostIP: '172.18.0.3',
      podIP: '10.244.0.2',
      podIPs: [{ ip: '10.244.0.2' }],
      startTime: '2026-01-01T00:00:00Z',
    });
    expect(app(pod)).toMatchObject({
      image: 'docker.io/library/app:1',
      containerID: expect.stringMatching(/^containerd:\/\/[0-9a-f]{64}$/) as string,
      imageID: expect.stringMatching(/^docker.io\/library\/app@sha256:[0-9a-f]{64}$/) as string,
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
    });
    expect(Object.fromEntries(pod.status!.conditions!.map(({ type, status }) => [type, status]))).toEqual({
      PodReadyToStartContainers: 'True',
      Initialized: 'True',
      Ready: 'True',
      ContainersReady: 'True',
      PodScheduled: 'True',
    });
    expect(await node.call(pod, '/hello')).toMatchObject({ status: 200, body: { path: '/hello' } });
    expect(await node.events('web')).toEqual([
      'Pulling Pulling image "app:1"',
      'Pulled Successfully pulled image "app:1" in 0s (0s including waiting). Image size: 0 bytes.',
      'Created Container created',
      'Started Container started',
    ]);
  });

  test('with its environment', async () => {
    await node.create(configMapKind, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: 'default' },
      data: { color: 'green', size: 'L' },
    } as never);
    await node.create(secretKind, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'keys', namespace: 'default' },
      stringData: { password: 'hush' },
    } as never);
    const pod = await node.pod('web', {
      env: [
        { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'LABEL', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
        { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        { name: 'GREETING', value: 'hello $(NAME) $$(NAME) $(NOBODY)' },
        { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'keys', key: 'password' } } },
        { name: 'NONE', valueFrom: { secretKeyRef: { name: 'no', key: 'no', optional: true } } },
      ],
      envFrom: [{ prefix: 'SET_', configMapRef: { name: 'settings' } }],
      args: ['--port=$(PORT)'],
    });
    const { body } = await node.call(pod, '/');
    expect(body.env).toMatchObject({
      NAME: 'web',
      IP: '10.244.0.2',
      LABEL: 'web',
      CPU: '8',
      GREETING: 'hello web $(NAME) $(NOBODY)',
      PASSWORD: 'hush',
      SET_color: 'green',
      SET_size: 'L',
      HOSTNAME: 'web',
      KUBERNETES_SERVICE_HOST: '10.96.0.1',
      KUBERNETES_PORT_443_TCP: 'tcp://10.96.0.1:443',
    });
    expect(body.env).not.toHaveProperty('NONE');
  });

  test('with what others wait for: a ConfigMap, and an image', async () => {
    const missing = await node.pod('web', { envFrom: [{ configMapRef: { name: 'late' } }] });
    expect(app(missing).state).toEqual({
      waiting: { reason: 'CreateContainerConfigError', message: 'configmap "late" not found' },
    });
    const mounting = await node.pod(
      'mounting',
      { volumeMounts: [{ name: 'late', mountPath: '/etc/late' }] },
      { volumes: [{ name: 'late', configMap: { name: 'late' } }] },
    );
    expect(mounting.status?.phase).toBe('Pending');
    expect(app(mounting).state).toEqual({ waiting: { reason: 'ContainerCreating' } });
    expect(await node.events('mounting')).toEqual([
      'FailedMount MountVolume.SetUp failed for volume "late" : configmap "late" not found',
    ]);
    await node.create(configMapKind, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'late', namespace: 'default' },
      data: { A: 'B' },
    } as never);
    await node.clock.settle();
    expect(ready(await node.get('web'))).toBe('True');
    expect(ready(await node.get('mounting'))).toBe('True');
  });
});

describe('an image that nobody has', () => {
  test('is pulled again and again, ever more slowly', async () => {
    const pod = await node.pod('web', { image: 'nope:1' });
    expect(app(pod).state.waiting).toEqual({
      reason: 'ErrImagePull',
      message: expect.stringContaining('docker.io/library/nope:1: not found') as string,
    });
    await node.advance(3);
    expect(app(await node.get('web')).state.waiting).toMatchObject({ reason: 'ImagePullBackOff' });
    await expect(node.logs('web')).rejects.toThrow(
      'container "app" in pod "web" is waiting to start: trying and failing to pull image',
    );
    await node.advance(60);
    const events = await node.events('web');
    expect(events).toContain('BackOff Back-off pulling image "nope:1"');
    expect(events).toContain('Failed Error: ImagePullBackOff');
    await node.patch(podKind, 'web', { spec: { containers: [{ name: 'app', image: 'app:1' }] } });
    await node.advance(300);
    expect(ready(await node.get('web'))).toBe('True');
  });
});

describe('a container that crashes', () => {
  test('is restarted at once, then after 10, 20, 40 seconds', async () => {
    await node.pod('web', { image: 'crash' });
    await node.advance(1.5);
    expect(app(await node.get('web'))).toMatchObject({
      restartCount: 1,
      state: { running: {} },
      lastState: { terminated: { exitCode: 1, reason: 'Error' } },
    });
    await node.advance(1);
    const { uid } = (await node.get('web')).metadata;
    expect(app(await node.get('web'))).toMatchObject({
      ready: false,
      restartCount: 1,
      state: {
        waiting: {
          reason: 'CrashLoopBackOff',
          message: `back-off 10s restarting failed container=app pod=web_default(${uid})`,
        },
      },
      lastState: { terminated: { exitCode: 1 } },
    });
    expect(await node.logs('web', { previous: true })).toEqual([
      'about to crash at 1767225601000',
      'out of luck',
    ]);
    expect((await node.get('web')).status?.phase).toBe('Running');
    await node.advance(10);
    expect(app(await node.get('web')).restartCount).toBe(2);
    await node.advance(20);
    expect(app(await node.get('web')).restartCount).toBe(2);
    await node.advance(2);
    expect(app(await node.get('web')).restartCount).toBe(3);
    expect(await node.events('web')).toContain(
      `BackOff Back-off restarting failed container app in pod web_default(${uid})`,
    );
  });

  test('stays down where the policy says so, and one that succeeds completes', async () => {
    const failed = await node.pod('no', { image: 'once', args: ['3'] }, { restartPolicy: 'Never' });
    expect(failed.status?.phase).toBe('Failed');
    expect(app(failed).state.terminated).toMatchObject({ exitCode: 3, reason: 'Error' });
    const done = await node.pod('yes', { image: 'once' }, { restartPolicy: 'OnFailure' });
    expect(done.status?.phase).toBe('Succeeded');
    expect(app(done).state.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
    expect(done.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'False', reason: 'PodCompleted' }),
    );
  });
});

describe('probes', () => {
  test('of readiness take a pod out and in again', async () => {
    const readinessProbe = {
      httpGet: { path: '/readyz', port: 8080 },
      periodSeconds: 1,
      failureThreshold: 2,
    };
    const pod = await node.pod('web', { readinessProbe });
    expect(ready(pod)).toBe('False');
    await node.advance(1);
    expect(ready(await node.get('web'))).toBe('True');
    await node.call(pod, '/set/readyz/503');
    await node.advance(3);
    expect((await node.get('web')).status?.conditions).toContainEqual(
      expect.objectContaining({
        type: 'Ready',
        status: 'False',
        reason: 'ContainersNotReady',
        message: 'containers with unready status: [app]',
      }),
    );
    expect(await node.events('web')).toContain(
      'Unhealthy Readiness probe failed: HTTP probe failed with statuscode: 503',
    );
    await node.call(pod, '/set/readyz/200');
    await node.advance(1);
    expect(ready(await node.get('web'))).toBe('True');
    expect(app(await node.get('web')).restartCount).toBe(0);
  });

  test('of liveness restart a container, by a command too', async () => {
    const exec = { command: ['podcli', 'check', 'http', 'localhost:8080/healthz'] };
    const pod = await node.pod('web', { livenessProbe: { exec, periodSeconds: 1, initialDelaySeconds: 2 } });
    expect(ready(pod)).toBe('True');
    await node.advance(10);
    expect(app(await node.get('web')).restartCount).toBe(0);
    await node.call(pod, '/set/healthz/500');
    await node.advance(6);
    const after = await node.get('web');
    expect(app(after)).toMatchObject({
      restartCount: 1,
      ready: true,
      lastState: { terminated: { exitCode: 0 } },
    });
    expect(await node.events('web')).toContain(
      'Killing Container app failed liveness probe, will be restarted',
    );
  });

  test('of startup come first; a port that nobody serves is refused', async () => {
    const startupProbe = { tcpSocket: { port: 9 }, periodSeconds: 5, failureThreshold: 2 };
    const readinessProbe = { tcpSocket: { port: 8080 } };
    const pod = await node.pod('web', { startupProbe, readinessProbe });
    expect(app(pod)).toMatchObject({ started: false, ready: false });
    await node.advance(6);
    expect(app(await node.get('web'))).toMatchObject({ restartCount: 1 });
    const events = await node.events('web');
    expect(events).toContain(
      'Unhealthy Startup probe failed: dial tcp 10.244.0.2:9: connect: connection refused',
    );
    expect(events).toContain('Killing Container app failed startup probe, will be restarted');
  });
});

describe('volumes', () => {
  test('change with their ConfigMap, without a restart', async () => {
    await node.create(configMapKind, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: 'default' },
      data: { color: 'green' },
    } as never);
    const mount = { name: 'settings', mountPath: '/etc/settings' };
    await node.pod(
      'web',
      { volumeMounts: [mount, { name: 'scratch', mountPath: '/tmp/scratch' }] },
      { volumes: [{ name: 'settings', configMap: { name: 'settings' } }, { name: 'scratch' }] },
    );
    expect(await exec('web', ['cat', '/etc/settings/color'])).toMatchObject({ stdout: 'green', code: 0 });
    await node.patch(configMapKind, 'settings', { data: { color: 'blue' } });
    await node.clock.settle();
    expect(await exec('web', ['cat', '/etc/settings/color'])).toMatchObject({ stdout: 'blue' });
    await expect(exec('web', ['write', '/etc/settings/color', 'red'])).rejects.toThrow(
      'read-only file system',
    );
    await exec('web', ['write', '/tmp/scratch/note', 'kept']);
    expect(await exec('web', ['cat', '/tmp/scratch/note'])).toMatchObject({ stdout: 'kept' });
    expect(app(await node.get('web')).restartCount).toBe(0);
  });

  test('hold a token of the service account that the server accepts', async () => {
    await node.pod('web', {});
    const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
    const { stdout: token } = await exec('web', ['cat', `${folder}/token`]);
    const { stdout: namespace } = await exec('web', ['cat', `${folder}/namespace`]);
    const { stdout: ca } = await exec('web', ['cat', `${folder}/ca.crt`]);
    expect(namespace).toBe('default');
    expect(ca).toContain('BEGIN CERTIFICATE');
    const review = await node.run(
      node.cluster.fetch('https://kubernetes.default.svc/apis/authentication.k8s.io/v1/selfsubjectreviews', {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        json: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
      }),
    );
    expect(await node.run(review.json())).toMatchObject({
      status: { userInfo: { username: 'system:serviceaccount:default:default' } },
    });
  });
});

describe('init containers', () => {
  test('run in order, beside their sidecars, before the others', async () => {
    const pod = await node.pod(
      'web',
      {},
      {
        initContainers: [
          { name: 'first', image: 'app:1', command: ['sleep', '2'] },
          { name: 'proxy', image: 'app:1', args: ['--port=15001'], restartPolicy: 'Always' },
          { name: 'second', image: 'once' },
        ],
      },
    );
    expect(pod.status).toMatchObject({
      phase: 'Pending',
      initContainerStatuses: [
        { name: 'first', ready: false, state: { running: {} } },
        { name: 'proxy', state: { waiting: { reason: 'PodInitializing' } } },
        { name: 'second', state: { waiting: { reason: 'PodInitializing' } } },
      ],
    });
    expect(pod.status?.conditions).toContainEqual(
      expect.objectContaining({
        type: 'Initialized',
        status: 'False',
        message: 'containers with incomplete status: [first proxy second]',
      }),
    );
    await node.advance(3);
    const later = await node.get('web');
    expect(ready(later)).toBe('True');
    expect(later.status).toMatchObject({
      phase: 'Running',
      initContainerStatuses: [
        { name: 'first', ready: true, state: { terminated: { reason: 'Completed' } } },
        { name: 'proxy', ready: true, started: true, state: { running: {} } },
        { name: 'second', ready: true, state: { terminated: { exitCode: 0 } } },
      ],
    });
  });

  test('hold a pod back while they fail, and fail it where nothing is restarted', async () => {
    const initContainers = [{ name: 'init', image: 'once', args: ['1'] }];
    const waiting = await node.pod('web', {}, { initContainers });
    expect(waiting.status?.phase).toBe('Pending');
    expect(waiting.status?.initContainerStatuses?.[0]?.state.waiting?.reason).toBe('CrashLoopBackOff');
    const failed = await node.pod('no', {}, { initContainers, restartPolicy: 'Never' });
    expect(failed.status?.phase).toBe('Failed');
  });

  test('a sidecar ends when the others have completed', async () => {
    const proxy = { name: 'proxy', image: 'app:1', restartPolicy: 'Always' };
    const pod = await node.pod('job', { image: 'once' }, { initContainers: [proxy], restartPolicy: 'Never' });
    await node.advance(1);
    expect(pod.metadata.name).toBe('job');
    expect((await node.get('job')).status?.phase).toBe('Succeeded');
  });
});

describe('a deleted pod', () => {
  test('runs its preStop hook, gets SIGTERM, and is gone', async () => {
    const preStop = { exec: { command: ['sleep', '5'] } };
    const pod = await node.pod('web', { lifecycle: { preStop } });
    await node.delete('web');
    await node.advance(4);
    expect(await node.call(pod, '/')).toMatchObject({ status: 200 });
    await node.advance(2);
    expect(await node.exists('web')).toBe(false);
    await expect(node.call(pod, '/')).rejects.toThrow('refused');
    expect(await node.events('web')).toContain('Killing Stopping container app');
  });

  test('that does not heed SIGTERM is killed when its time is up', async () => {
    await node.pod('web', { image: 'stubborn' });
    await node.delete('web', 10);
    await node.advance(9);
    expect(await node.exists('web')).toBe(true);
    await node.advance(2);
    expect(await node.exists('web')).toBe(false);
  });

  test('goes sooner when a second delete gives it less time', async () => {
    await node.pod('web', { image: 'stubborn' });
    await node.delete('web', 600);
    await node.advance(5);
    await node.delete('web', 3);
    await node.advance(4);
    expect(await node.exists('web')).toBe(false);
  });

  test('without grace makes room for a successor of the same name at once', async () => {
    const before = await node.pod('web', { image: 'stubborn' });
    await node.delete('web', 0);
    const after = await node.pod('web', {});
    expect(after.metadata.uid).not.toBe(before.metadata.uid);
    expect(ready(after)).toBe('True');
    await node.advance(5);
    expect(ready(await node.get('web'))).toBe('True');
  });
});

describe('logs', () => {
  test('are followed, cut and stamped', async () => {
    await node.pod('web', { image: 'chatty' });
    await node.advance(4.5);
    expect(await node.logs('web')).toEqual(['line 0', 'line 1', 'line 2', 'line 3', 'line 4']);
    expect(await node.logs('web', { tailLines: 2, timestamps: true })).toEqual([
      '2026-01-01T00:00:03.000000000Z line 3',
      '2026-01-01T00:00:04.000000000Z line 4',
    ]);
    expect(await node.logs('web', { sinceSeconds: 2 })).toEqual(['line 3', 'line 4']);
    expect(await node.logs('web', { limitBytes: 9 })).toEqual(['line 0', 'li']);
    const followed = node.logs('web', { follow: true, tailLines: 1 });
    await node.advance(1);
    await node.delete('web');
    expect(await followed).toEqual(['line 4', 'line 5']);
  });
});

describe('hooks and messages', () => {
  test('a container is ready after its postStart hook, and starts anew when that fails', async () => {
    const slow = { lifecycle: { postStart: { sleep: { seconds: 3 } } } };
    expect(ready(await node.pod('slow', slow))).toBe('False');
    await node.advance(4);
    expect(ready(await node.get('slow'))).toBe('True');
    await node.pod('bad', { lifecycle: { postStart: { exec: { command: ['false'] } } } });
    await node.advance(1);
    expect(app(await node.get('bad')).state.waiting?.reason).toBe('CrashLoopBackOff');
    expect(await node.events('bad')).toContain('FailedPostStartHook PostStartHook failed');
  });

  test('a container says why it ended', async () => {
    const write = { command: ['write', '/dev/termination-log', 'no more coal'] };
    await node.pod('web', write, { restartPolicy: 'Never' });
    expect(app(await node.get('web')).state.terminated).toMatchObject({
      exitCode: 0,
      message: 'no more coal',
    });
    const fallback = { image: 'crash', terminationMessagePolicy: 'FallbackToLogsOnError' };
    await node.pod('crash', fallback, { restartPolicy: 'Never' });
    await node.advance(2);
    expect(app(await node.get('crash')).state.terminated?.message).toContain('out of luck');
  });

  test('attach hears and types to what runs', async () => {
    const pod = await node.pod('web', { command: ['cat'], stdin: true }, { restartPolicy: 'Never' });
    const { podRuntime } = node.nodes.get('node-1')!;
    let heard = '';
    const code = podRuntime.attach(
      { pod: pod as never, container: 'app' },
      {
        stdin: (async function* typed() {
          yield Buffer.from('hello\n');
          await new Promise(() => {});
        })(),
        stdout: async (data) => {
          heard += Buffer.from(data).toString('utf8');
        },
        stderr: async () => {},
        resizes: (async function* none(): AsyncGenerator<never> {})(),
        tty: false,
        signal: new AbortController().signal,
      },
    );
    await node.advance(1);
    expect(heard).toBe('hello\n');
    await node.delete('web', 1);
    expect(await node.run(code)).toBe(137);
  });
});

describe('exec', () => {
  test('runs a command in the container, with its exit code', async () => {
    await node.pod('web', { env: [{ name: 'A', value: 'B' }] });
    expect((await exec('web', ['env'])).stdout).toContain('A=B\n');
    expect(await exec('web', ['nonsense'])).toEqual({
      stdout: '',
      stderr: 'nonsense: not found\n',
      code: 127,
    });
    expect(await exec('web', ['cat'], 'typed')).toMatchObject({ stdout: 'typed', code: 0 });
  });

  test('ends with its container, and needs one', async () => {
    const pod = await node.pod('web', {});
    const { code: sleeping } = startExec(pod, ['sleep', '1000']);
    await node.clock.settle();
    await node.delete('web', 2);
    expect(await node.run(sleeping)).toBe(137);
    await node.pod('once', { image: 'once' }, { restartPolicy: 'Never' });
    await expect(exec('once', ['true'])).rejects.toThrow('container not found ("app")');
  });
});

describe('the node', () => {
  test('shows itself, and writes nothing but its lease while nothing happens', async () => {
    const shown = await node.run(node.client.resource(nodeKind).get({ name: 'node-1' }));
    expect(shown).toMatchObject({
      metadata: { labels: { 'kubernetes.io/hostname': 'node-1' } },
      status: { capacity: { cpu: '8', pods: '110' } },
    });
    const readinessProbe = { httpGet: { path: '/readyz', port: 8080 } };
    for (let i = 0; i < 5; i += 1) await node.pod(`web-${i}`, { readinessProbe });
    await node.advance(30);
    node.requests.take();
    await node.advance(600);
    const writes = node.requests.take().filter((request) => !request.startsWith('GET'));
    expect(writes).toHaveLength(60);
    expect(new Set(writes)).toEqual(
      new Set(['PATCH /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1']),
    );
  });

  test('goes on after a loss of power, with its pods restarted', async () => {
    const before = await node.pod('web', {});
    await node.run(node.nodes.get('node-1')!.stop());
    await node.advance(60);
    expect((await node.get('web')).status).toEqual(before.status);
    await expect(node.call(before, '/')).rejects.toThrow('refused');
    await node.startNode('node-1');
    await node.clock.settle();
    const after = await node.get('web');
    expect(ready(after)).toBe('True');
    expect(app(after)).toMatchObject({
      restartCount: 1,
      lastState: { terminated: { exitCode: 255, reason: 'Unknown' } },
    });
    expect(await node.call(after, '/')).toMatchObject({ status: 200 });
    expect(await node.events('web')).toContain(
      'SandboxChanged Pod sandbox changed, it will be killed and re-created.',
    );
  });

  test('does not take in what it has no room for', async () => {
    const big = { resources: { requests: { cpu: '6' } } };
    expect(ready(await node.pod('first', big))).toBe('True');
    const second = await node.pod('second', big);
    expect(second.status).toMatchObject({
      phase: 'Failed',
      reason: 'OutOfcpu',
      message:
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 6000, used: 6000, capacity: 8000",
    });
    await node.delete('second');
    expect(await node.exists('second')).toBe(false);
  });

  test('is one of several', async () => {
    await node.startNode('node-2');
    const first = await node.pod('a', {});
    const second = await node.pod('b', {}, { nodeName: 'node-2' });
    expect([first.status?.hostIP, second.status?.hostIP]).toEqual(['172.18.0.3', '172.18.0.4']);
    expect((await exec('b', ['echo', 'hi'])).stdout).toBe('hi\n');
  });

  test('replaces a container whose image changes', async () => {
    await node.pod('web', {});
    await node.patch(podKind, 'web', { spec: { containers: [{ name: 'app', image: 'app:2' }] } });
    await node.clock.settle();
    expect(app(await node.get('web'))).toMatchObject({ image: 'docker.io/library/app:2', restartCount: 1 });
    expect(await node.events('web')).toContain('Killing Container app definition changed, will be restarted');
  });

  test('gives up a pod whose time is up, and waits for readiness gates', async () => {
    const gated = await node.pod('gated', {}, { readinessGates: [{ conditionType: 'example.com/ok' }] });
    expect(gated.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady' }),
    );
    const ok = { status: { conditions: [{ type: 'example.com/ok', status: 'True' }] } };
    const pods = node.client.resource<Pod>(podKind);
    await node.run(
      pods.patch({ namespace: 'default', name: 'gated' }, 'strategic', ok, { subresource: 'status' }),
    );
    await node.clock.settle();
    expect(ready(await node.get('gated'))).toBe('True');
    await node.pod('short', {}, { activeDeadlineSeconds: 5 });
    await node.advance(6);
    expect((await node.get('short')).status).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
  });
});

async function exec(
  pod: string,
  command: readonly string[],
  stdin = '',
): Promise<{ stdout: string; stderr: string; code: number }> {
  const { code, output } = startExec(await node.get(pod), command, stdin);
  return { code: await node.run(code), ...output };
}

function startExec(pod: Pod, command: readonly string[], stdin = '') {
  const output = { stdout: '', stderr: '' };
  const collect = (to: 'stdout' | 'stderr') => async (data: Uint8Array) => {
    output[to] += Buffer.from(data).toString('utf8');
  };
  const { podRuntime } = node.nodes.get(pod.spec.nodeName!)!;
  const code = podRuntime.exec({ pod: pod as never, container: 'app' }, command, {
    stdin: (async function* typed() {
      if (stdin !== '') yield Buffer.from(stdin);
    })(),
    stdout: collect('stdout'),
    stderr: collect('stderr'),
    resizes: (async function* none(): AsyncGenerator<never> {})(),
    tty: false,
    signal: new AbortController().signal,
  });
  return { code, output };
}
