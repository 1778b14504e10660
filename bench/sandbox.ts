import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock, VirtualClock } from '../src/base/clock.ts';
import { silentLog } from '../src/base/log.ts';
import { seededRandom } from '../src/base/random.ts';
import { podinfoImages } from '../src/sandbox/podinfo/podinfo-images.ts';
import { shell } from '../src/cli/shell.ts';
import { startSandbox } from '../src/sandbox/sandbox.ts';
import { deployBackend, get } from '../test/sandbox/backend.ts';
import { kubectlPath } from '../scripts/kubectl.mjs';
import { type Measurement, seconds } from './report.ts';

const clock = realClock();

/** Seconds of processor time that a process has used, and its resident bytes. Linux. */
function processOf(pid: number): { cpu: number; resident: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { cpu: ticks / 100, resident: Number(resident) * 1024 };
}

/** The command as a person runs it, with the webapp on both members. */
async function command(): Promise<Measurement[]> {
  const dir = mkdtempSync(join(tmpdir(), 'viridian-bench-'));
  const start = performance.now();
  const child = spawn(process.execPath, ['src/cli/main.ts', 'sandbox', '--dir', dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    await new Promise((resolve, reject) => {
      child.stdout.once('data', resolve);
      child.once('exit', () => reject(new Error('the sandbox ended before it was ready')));
    });
    const ready = (performance.now() - start) / 1000;
    const results: Measurement[] = [
      { name: 'host and two members ready after process start', value: ready, unit: 's', atMost: 3 },
    ];
    const kubectl = kubectlPath();
    if (kubectl === undefined || process.platform !== 'linux') return results;
    for (const member of ['kurator-member1', 'kurator-member2']) {
      const config = ['--kubeconfig', join(dir, `${member}.config`)];
      const run = (...args: string[]): unknown =>
        execFileSync(kubectl, [...config, ...args], { stdio: 'ignore' });
      for (const part of ['common', 'backend', 'frontend']) {
        run('apply', '-f', `test/testdata/podinfo/deploy/webapp/${part}`);
      }
      run('-n', 'webapp', 'wait', '--for=condition=Available', 'deployment', '--all', '--timeout=60s');
    }
    await clock.sleep(10_000);
    const before = processOf(child.pid ?? 0);
    await clock.sleep(20_000);
    const after = processOf(child.pid ?? 0);
    return [
      ...results,
      {
        name: 'processor when nobody calls',
        value: ((after.cpu - before.cpu) / 20) * 100,
        unit: '%',
        atMost: 8,
      },
      { name: 'resident, webapp on both', value: after.resident / 1e6, unit: 'MB', atMost: 350 },
    ];
  } finally {
    child.kill('SIGTERM');
    await ended;
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Through the ingress gateway and the sidecar of the called pod, in process, 32 at a time. */
async function throughput(): Promise<Measurement[]> {
  const random = seededRandom('bench');
  const sandbox = await startSandbox({
    clock,
    random,
    log: silentLog,
    members: 1,
    images: podinfoImages(),
    shell,
  });
  const [member] = sandbox.members;
  if (member === undefined) throw new Error('a member was asked for');
  await deployBackend(member);
  let answered = 0;
  while ((await member.gateway(get('/version'))).status !== 200) await clock.sleep(50);
  const call = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const response = await member.gateway(get('/healthz'));
      await response.text();
      if (response.status === 200) answered += 1;
    }
  };
  const all = (each: number): Promise<unknown> => Promise.all(Array.from({ length: 32 }, () => call(each)));
  await all(300);
  answered = 0;
  const took = await seconds(() => all(1_000));
  await sandbox.close();
  return [{ name: 'gateway and sidecar', value: answered / took, unit: 'requests/s', atLeast: 5_000 }];
}

/** Two members with five requests a second each. */
async function virtualHour(): Promise<Measurement[]> {
  const virtual = new VirtualClock();
  let answered = 0;
  const work = async (): Promise<void> => {
    const random = seededRandom('bench');
    const sandbox = await startSandbox({
      clock: virtual,
      random,
      log: silentLog,
      images: podinfoImages(),
      shell,
    });
    await Promise.all(sandbox.members.map(deployBackend));
    await virtual.sleep(20_000);
    const stop = new AbortController();
    const load = sandbox.members.map((member) =>
      virtual.every(
        200,
        async () => {
          const response = await member.gateway(get('/version'));
          await response.text();
          if (response.status === 200) answered += 1;
        },
        stop.signal,
      ),
    );
    await virtual.sleep(3_600_100);
    stop.abort();
    await Promise.all(load);
    await sandbox.close();
  };
  const took = await seconds(() => virtual.run(work()));
  return [
    { name: 'an hour of virtual time, two members, 10 requests/s', value: took, unit: 's', atMost: 20 },
    { name: 'requests of that hour that were answered', value: answered, unit: '', atLeast: 36_000 },
  ];
}

export default async function sandbox(): Promise<Measurement[]> {
  return [...(await command()), ...(await throughput()), ...(await virtualHour())];
}
