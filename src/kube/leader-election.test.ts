import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Clock, VirtualClock } from '../base/clock.ts';
import { FetchError } from '../base/fetch.ts';
import { silentLog } from '../base/log.ts';
import { type Random, seededRandom } from '../base/random.ts';
import { parseTime } from '../base/time.ts';
import { aborted } from './aborted.ts';
import { ApiError } from './api-error.ts';
import { type Lease, LeaderElection, leaseKind, LeadershipLostError } from './leader-election.ts';
import type { RequestOptions, ResourceClient } from './resource-client.ts';

/** The one Lease, as an API server keeps it. */
class LeaseServer {
  lease: Lease | undefined;
  #version = 0;

  get(): Lease {
    if (this.lease === undefined) throw new ApiError('no such lease', { status: 404 });
    return this.lease;
  }

  create(lease: Lease): Lease {
    if (this.lease !== undefined) throw new ApiError('there', { status: 409, reason: 'AlreadyExists' });
    return this.#store(lease);
  }

  update(lease: Lease): Lease {
    if (this.get().metadata.resourceVersion !== lease.metadata.resourceVersion) {
      throw new ApiError('changed meanwhile', { status: 409, reason: 'Conflict' });
    }
    return this.#store(lease);
  }

  #store(lease: Lease): Lease {
    this.#version += 1;
    this.lease = { ...lease, metadata: { ...lease.metadata, resourceVersion: String(this.#version) } };
    return this.lease;
  }
}

/** The way between one candidate and the server. */
interface Path {
  /** No request and no answer comes through, ever again. */
  dead: boolean;
  /** How likely a request is lost, an answer is lost, either is late: 0 to 1. */
  trouble: number;
  /** How late each answer is, though its request came through at once, in milliseconds. */
  answersLateMs?: number;
}

function hang(): Promise<never> {
  return new Promise(() => {});
}

function refuse(): never {
  throw new Error('not a request of an election');
}

/** Requests that go by true time. They do not obey their signals: the worst a transport could do. */
function clientOver(server: LeaseServer, path: Path, clock: Clock, random: Random): ResourceClient<Lease> {
  const delay = async (): Promise<void> => {
    const isSlow = random.next() < path.trouble;
    await clock.sleep(isSlow ? random.next() * 12_000 : random.next() * 40);
  };
  const send = async (carryOut: () => Lease): Promise<Lease> => {
    await delay();
    if (path.dead || random.next() < path.trouble) return random.next() < 0.5 ? hang() : unreachable();
    let answer: () => Lease;
    try {
      const lease = carryOut();
      answer = () => lease;
    } catch (error) {
      answer = () => {
        throw error;
      };
    }
    await clock.sleep(path.answersLateMs ?? 0);
    await delay();
    if (path.dead || random.next() < path.trouble) return random.next() < 0.5 ? hang() : unreachable();
    return answer();
  };
  return {
    kind: leaseKind,
    get: () => send(() => server.get()),
    create: (lease) => send(() => server.create(lease)),
    update: (lease) => send(() => server.update(lease)),
    list: refuse,
    listAll: refuse,
    watch: refuse,
    patch: refuse,
    apply: refuse,
    delete: refuse,
    deleteCollection: refuse,
  };
}

function unreachable(): never {
  throw new FetchError('Unreachable', 'the connection broke');
}

const base = {
  log: silentLog,
  namespace: 'ns',
  name: 'lock',
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2000,
};

function world() {
  const clock = new VirtualClock();
  const server = new LeaseServer();
  const random = seededRandom(1);
  const leaders: string[] = [];
  const candidate = (identity: string, path: Path = { dead: false, trouble: 0 }, options = {}) => {
    const election = new LeaderElection({
      ...base,
      client: clientOver(server, path, clock, random),
      clock,
      random: random.stream(identity),
      identity,
      ...options,
    });
    const stop = new AbortController();
    let reason: unknown;
    const lead = async (signal: AbortSignal): Promise<void> => {
      leaders.push(identity);
      await aborted(signal);
      reason = signal.reason;
      leaders.splice(leaders.indexOf(identity), 1);
    };
    const start = (work = lead) => election.run(work, stop.signal);
    return { election, path, stop, start, lostBy: () => reason };
  };
  return { clock, server, leaders, candidate };
}

describe('the Lease on the wire', () => {
  test('is created as client-go does, renewed, and given back', async () => {
    const { clock, server, candidate, leaders } = world();
    const a = candidate('a');
    const running = a.start();

    await clock.advance(100);
    const created = server.get();
    expect(created.metadata).toMatchObject({ namespace: 'ns', name: 'lock' });
    expect(created.spec).toEqual({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: expect.stringMatching(/^2026-01-01T00:00:00\.\d{6}Z$/) as string,
      renewTime: created.spec?.acquireTime,
      leaseTransitions: 0,
    });

    await clock.advance(5000);
    expect(leaders).toEqual(['a']);
    expect(server.get().spec?.acquireTime).toBe(created.spec?.acquireTime);
    expect(server.get().spec?.renewTime).not.toBe(created.spec?.renewTime);

    a.stop.abort();
    await clock.run(running);
    expect(server.get().spec).toMatchObject({
      holderIdentity: '',
      leaseDurationSeconds: 1,
      leaseTransitions: 0,
    });
  });

  test('counts transitions, and leaves fields of others alone', async () => {
    const { clock, server, candidate } = world();
    server.create({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'ns', name: 'lock', labels: { a: 'b' } },
      spec: { holderIdentity: '', leaseDurationSeconds: 1, leaseTransitions: 6 },
    });
    const a = candidate('a');
    const running = a.start();
    await clock.advance(100);
    expect(server.get()).toMatchObject({
      metadata: { labels: { a: 'b' } },
      spec: { holderIdentity: 'a', leaseTransitions: 7 },
    });
    a.stop.abort();
    await clock.run(running);
  });

  test('a Lease without a spec is nobody’s', async () => {
    const { clock, server, candidate, leaders } = world();
    server.create({ apiVersion: 'v1', kind: 'Lease', metadata: { namespace: 'ns', name: 'lock' } });
    const a = candidate('a');
    void a.start();
    await clock.advance(100);
    expect(leaders).toEqual(['a']);
    a.stop.abort();
    await clock.advance(1000);
  });
});

describe('handing over', () => {
  test('after a graceful stop the next one leads within about one retry period', async () => {
    const { clock, candidate, leaders } = world();
    const [a, b] = [candidate('a'), candidate('b')];
    const first = a.start();
    await clock.advance(1000);
    const second = b.start();
    await clock.advance(30_000);
    expect(leaders).toEqual(['a']);

    a.stop.abort();
    await clock.run(first);
    await clock.advance(2000 * 1.2 + 200);
    expect(leaders).toEqual(['b']);
    b.stop.abort();
    await clock.run(second);
  });

  test('a leader that is cut off stops before another takes over, and competes again', async () => {
    const { clock, candidate, leaders } = world();
    const [a, b] = [candidate('a'), candidate('b')];
    void a.start();
    await clock.advance(1000);
    void b.start();
    a.path.dead = true;
    await clock.advance(10_000);
    expect(leaders).toEqual([]);
    expect(a.lostBy()).toBeInstanceOf(LeadershipLostError);
    await clock.advance(9000);
    expect(leaders).toEqual(['b']);

    a.path.dead = false;
    b.stop.abort();
    await clock.advance(9000);
    expect(leaders).toEqual(['a']);
    expect(a.election.leader).toBe('a');
    a.stop.abort();
    await clock.advance(1000);
  });

  test('a term counts from when its last confirmed renewal was sent, not from when the answer came', async () => {
    const { clock, server, candidate } = world();
    const a = candidate('a');
    let abortedAt = 0;
    void a.start(async (signal) => {
      await aborted(signal);
      abortedAt ||= clock.now();
    });
    await clock.advance(1000);
    a.path.answersLateMs = 4500;
    await clock.advance(3000);
    const sentAt = parseTime(server.get().spec?.renewTime ?? '');
    // Its answer has come; the next renewal came through as well, but nobody hears of it.
    await clock.advance(3200);
    expect(parseTime(server.get().spec?.renewTime ?? '')).toBeGreaterThan(sentAt + 4500);
    a.path.dead = true;
    await clock.advance(10_000);
    expect(abortedAt - sentAt).toBe(10_000);
    a.stop.abort();
    await clock.advance(1000);
  });

  test('a challenger counts from when it received the record, not from when it asked', async () => {
    const { clock, server, candidate, leaders } = world();
    const b = candidate('b');
    server.create({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'ns', name: 'lock' },
      spec: { holderIdentity: 'a', leaseDurationSeconds: 15 },
    });
    b.path.answersLateMs = 4000;
    void b.start();
    await clock.advance(5000);
    b.path.answersLateMs = 0;
    await clock.advance(13_900);
    expect(server.get().spec?.holderIdentity).toBe('a');
    await clock.advance(3000);
    expect(leaders).toEqual(['b']);
    b.stop.abort();
    await clock.advance(1000);
  });

  test('a Lease that is deleted ends the term, and nobody leads before it would have run out', async () => {
    const { clock, server, candidate, leaders } = world();
    const [a, b] = [candidate('a'), candidate('b')];
    void a.start();
    await clock.advance(1000);
    void b.start();
    await clock.advance(3000);
    a.path.dead = true;
    server.lease = undefined;
    await clock.advance(9000);
    expect(leaders).not.toContain('b');
    await clock.advance(10_000);
    expect(leaders).toEqual(['b']);
    a.stop.abort();
    b.stop.abort();
    await clock.advance(30_000);
  });

  test('a successor waits the recorded duration, not its own', async () => {
    const { clock, server, candidate, leaders } = world();
    const a = candidate('a', undefined, { leaseDurationMs: 60_000, renewDeadlineMs: 40_000 });
    void a.start();
    await clock.advance(1000);
    a.path.dead = true;
    const b = candidate('b');
    void b.start();
    await clock.advance(55_000);
    expect(server.get().spec?.holderIdentity).toBe('a');
    await clock.advance(10_000);
    expect(leaders).toEqual(['b']);
    a.stop.abort();
    b.stop.abort();
    await clock.advance(50_000);
  });
});

describe('the work of a leader', () => {
  test('that returns by itself ends the competition and gives the Lease back', async () => {
    const { clock, server, candidate } = world();
    const a = candidate('a');
    await clock.run(a.start(() => clock.sleep(5000)));
    expect(server.get().spec?.holderIdentity).toBe('');
  });

  test('that throws is reported after the Lease was given back', async () => {
    const { clock, server, candidate } = world();
    const a = candidate('a');
    const running = a.start(() => Promise.reject(new Error('broken')));
    await expect(clock.run(running)).rejects.toThrow('broken');
    expect(server.get().spec?.holderIdentity).toBe('');
  });

  test('that does not end is reported, and the Lease is not given back', async () => {
    const { clock, server, candidate } = world();
    const a = candidate('a');
    const running = a.start(hang);
    await clock.advance(5000);
    a.stop.abort();
    await expect(clock.run(running)).rejects.toThrow(/work has not ended 10000 ms after its term/);
    expect(server.get().spec?.holderIdentity).toBe('a');
  });

  test('gets no second turn while the first goes on', async () => {
    const { clock, candidate } = world();
    const a = candidate('a');
    let turns = 0;
    let active = 0;
    void a.start(async (signal) => {
      turns += 1;
      active += 1;
      expect(active).toBe(1);
      await aborted(signal);
      await clock.sleep(8000);
      active -= 1;
    });
    await clock.advance(1000);
    a.path.dead = true;
    await clock.advance(12_000);
    a.path.dead = false;
    await clock.advance(12_000);
    expect(turns).toBe(2);
    a.stop.abort();
    await clock.advance(20_000);
  });
});

test('settings under which two could lead at once are refused', () => {
  const { candidate } = world();
  const make = (options: object) => () => candidate('x', undefined, options);
  expect(make({})).not.toThrow();
  expect(make({ renewDeadlineMs: 12_300 })).toThrow(/must be less than 12272/);
  expect(make({ renewDeadlineMs: 12_200 })).not.toThrow();
  expect(make({ renewDeadlineMs: 14_900, maxClockRateSkew: 0.001 })).not.toThrow();
  expect(make({ renewDeadlineMs: 15_000, maxClockRateSkew: 0 })).toThrow(/less than 15000/);
  expect(make({ maxClockRateSkew: 0.2 })).toThrow(/less than 1000[01]|less than 10000/);
  expect(make({ maxClockRateSkew: 1 })).toThrow(/maxClockRateSkew/);
  expect(make({ maxClockRateSkew: Number.NaN })).toThrow(/maxClockRateSkew/);
  expect(make({ leaseDurationMs: 14_500 })).toThrow(/whole seconds/);
  expect(make({ leaseDurationMs: 0 })).toThrow(/whole seconds/);
  expect(make({ retryPeriodMs: 9000 })).toThrow(/more than 10800/);
  expect(make({ retryPeriodMs: 0 })).toThrow(/retryPeriodMs/);
  expect(make({ identity: '' })).toThrow(/identity/);
});

interface Scenario {
  seed: number;
  skew: number;
  clocks: { offsetMs: number; lean: number; leaseSeconds: number; retryPeriodMs: number }[];
  trouble: number;
}

/** Runs a scenario; the identities that led at once, and who leads at the end. */
async function play({ seed, skew, clocks, trouble }: Scenario, assumedSkew = skew) {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const server = new LeaseServer();
  const unfenced = new Set<string>();
  const clashes: string[] = [];
  const candidates = clocks.map(({ offsetMs, lean, leaseSeconds, retryPeriodMs }, i) => {
    const limit = (leaseSeconds * 1000 * (1 - assumedSkew)) / (1 + assumedSkew);
    const identity = `c${i}`;
    const own = clock.skewed({ offsetMs, rate: 1 + lean * skew });
    const path: Path = { dead: false, trouble: 0 };
    const election = new LeaderElection({
      ...base,
      client: clientOver(server, path, clock, random.stream(`path ${i}`)),
      clock: own,
      random: random.stream(identity),
      identity,
      leaseDurationMs: leaseSeconds * 1000,
      retryPeriodMs,
      renewDeadlineMs: Math.floor(limit) - 1,
      maxClockRateSkew: assumedSkew,
    });
    const stop = new AbortController();
    const work = random.stream(`work ${i}`);
    const running = election.run(async (signal) => {
      unfenced.add(identity);
      if (unfenced.size > 1) clashes.push([...unfenced].join('+'));
      signal.addEventListener('abort', () => unfenced.delete(identity));
      await aborted(signal);
      await own.sleep(work.next() < 0.5 ? 0 : work.next() * 4000);
    }, stop.signal);
    return { identity, path, stop, running, isCrashed: false };
  });

  // Faults: each candidate's path changes its mind now and then; some die for good, one always survives.
  let crashes = clocks.length - 1;
  for (let i = 0; i < 25; i += 1) {
    const at = candidates[random.int(candidates.length)]!;
    const dice = random.next();
    if (!at.isCrashed) {
      at.path.trouble = dice < 0.4 ? 0 : random.next() * trouble;
      at.path.answersLateMs = dice < 0.2 ? random.next() * 6000 : 0;
      at.path.dead = dice > 0.8;
      if (dice > 0.97 && crashes > 0) {
        crashes -= 1;
        at.isCrashed = at.path.dead = true;
      }
    }
    await clock.advance(random.next() * 16_000);
  }
  for (const { path, isCrashed } of candidates) {
    path.trouble = path.answersLateMs = 0;
    path.dead = isCrashed;
  }
  // The last late requests, a lease that has to run out, and a few tries; by the slowest clock.
  await clock.advance((24_000 + 30_000 + 4 * 2400) / (1 - skew) + 15_000);
  const atEnd = [...unfenced];

  const leader = candidates.find(({ identity }) => atEnd.includes(identity));
  leader?.stop.abort();
  const isAlone = candidates.every((c) => c === leader || c.isCrashed);
  await clock.advance((4000 + 2400) / (1 - skew) + 500);
  const next = [...unfenced];
  for (const { stop } of candidates) stop.abort();
  await clock.advance(60_000);
  return { clashes, atEnd, next, isAlone };
}

const scenario = (maxSkew: number): fc.Arbitrary<Scenario> =>
  fc.record({
    seed: fc.nat(),
    skew: fc.constantFrom(0.001, 0.05, maxSkew),
    clocks: fc.array(
      fc.record({
        offsetMs: fc.integer({ min: -(10 ** 10), max: 10 ** 10 }),
        lean: fc.constantFrom(-1, -1, 0, 0.5, 1, 1),
        leaseSeconds: fc.constantFrom(6, 15, 30),
        retryPeriodMs: fc.constantFrom(300, 2000),
      }),
      { minLength: 2, maxLength: 4 },
    ),
    trouble: fc.constantFrom(0.1, 0.3, 0.6),
  });

describe('laws', () => {
  test('never do two lead at once; when trouble ends, one leads; when it stops, the next does', async () => {
    await fc.assert(
      fc.asyncProperty(scenario(0.2), async (input) => {
        const { clashes, atEnd, next, isAlone } = await play(input);
        expect(clashes).toEqual([]);
        expect(atEnd).toHaveLength(1);
        expect(next).toHaveLength(isAlone ? 0 : 1);
      }),
      { numRuns: 200 },
    );
  });

  test('the law can fail: with clocks that are worse than promised, two lead at once', async () => {
    let clashes = 0;
    for (let seed = 0; seed < 40 && clashes === 0; seed += 1) {
      const clocks = [-1, 1, 1].map((lean) => ({ offsetMs: 0, lean, leaseSeconds: 15, retryPeriodMs: 2000 }));
      clashes += (await play({ seed, skew: 0.3, clocks, trouble: 0.3 }, 0.001)).clashes.length;
    }
    expect(clashes).toBeGreaterThan(0);
  });
});

test('requests obey the signal and the deadline that they are given', async () => {
  const clock = new VirtualClock();
  const seen: RequestOptions[] = [];
  const client: ResourceClient<Lease> = {
    ...clientOver(new LeaseServer(), { dead: false, trouble: 0 }, clock, seededRandom(1)),
    get: (_key, options = {}) => {
      seen.push(options);
      return hang();
    },
  };
  const election = new LeaderElection({ ...base, client, clock, random: seededRandom(1), identity: 'a' });
  const stop = new AbortController();
  const running = election.run(hang, stop.signal);
  await clock.advance(12_000);
  expect(seen).toHaveLength(3);
  expect(seen[0]?.signal?.aborted).toBe(true);
  stop.abort();
  await clock.run(running);
  expect(seen[2]?.signal?.aborted).toBe(true);
  expect(clock.pending).toBe(0);
});
