import type { CanarySpec } from '../api/canary.ts';
import type { CanaryStatus } from '../api/canary-status.ts';
import type { Ask, Decision, HookCall } from './decision.ts';
import { effectOrder, hasEffects } from './decision.ts';
import type { HookResult, Memory, MetricsResult, Observation, Readiness, Routes } from './observation.ts';
import { decide } from './phases.ts';
import { postRolloutEvent } from './rollback.ts';

/** Revisions of the target, in the form that the engine knows as its own. */
export const revisions = { a: 'a'.repeat(16), b: 'b'.repeat(16), c: 'c'.repeat(16) } as const;

export const ready: Readiness = { state: 'ready', message: '' };
export const waiting: Readiness = {
  state: 'waiting',
  message: 'waiting for rollout to finish: 0 of 1 (readyThreshold 100%) updated replicas are available',
};
export const stuck: Readiness = {
  state: 'stuck',
  message: 'deployment "podinfo" exceeded its progress deadline',
};

/** A Canary `podinfo` in namespace `test`. */
export function specOf(
  analysis: Partial<CanarySpec['analysis']>,
  rest: Partial<CanarySpec> = {},
): CanarySpec {
  return {
    targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'podinfo' },
    service: { port: 9898 },
    ...rest,
    analysis: { interval: '10s', threshold: 2, ...analysis },
  };
}

/** What the outside decides: users, pods, hooks, metrics. */
export interface Environment {
  revision: string | undefined;
  configs: Record<string, string>;
  canary: Readiness;
  primary: Readiness;
  metrics: MetricsResult;
  /** Types whose hooks refuse. Rollback hooks refuse unless told otherwise. */
  closed: ReadonlySet<string>;
  rollback: boolean;
  isDeleting: boolean;
}

const passed: MetricsResult = { verdict: 'passed', message: '' };

/** The world of one Canary, in which decisions are carried out in virtual time. */
export class ModelWorld {
  spec: CanarySpec;
  provider = 'istio';
  status: CanaryStatus = {};
  routes: Routes | undefined = undefined;
  memory: Memory = {};
  now = 1_700_000_000_000;
  primaryRevision: string | undefined = undefined;
  hasPrimary = false;
  isScaledToZero = false;
  hasFinalizer = false;
  /** What the pods of the canary and the primary are, until told otherwise. */
  environment: Environment = {
    revision: revisions.a,
    configs: {},
    canary: ready,
    primary: ready,
    metrics: passed,
    closed: new Set(),
    rollback: false,
    isDeleting: false,
  };
  /** Ready endpoints, where they differ from what readiness says. */
  endpoints: { primary?: number; canary?: number } = {};
  readonly events: string[] = [];
  readonly alerts: string[] = [];
  readonly rows: CanaryStatus[] = [];
  readonly asked: Ask[] = [];
  readonly hooks: HookCall[] = [];
  readonly decisions: Decision[] = [];
  /** What happened, in order: `routes 80/20`, `row Progressing 20`, `scale to-zero`, … */
  readonly trace: string[] = [];

  constructor(spec: CanarySpec) {
    this.spec = spec;
  }

  observe(): Omit<Observation, 'answers'> {
    const { environment, isScaledToZero, hasPrimary } = this;
    const { revision, canary, primary } = environment;
    const hasCanaryPods = revision !== undefined && !isScaledToZero && canary.state === 'ready';
    return {
      name: 'podinfo',
      namespace: 'test',
      provider: this.provider,
      isDeleting: environment.isDeleting,
      hasFinalizer: this.hasFinalizer,
      target:
        revision === undefined
          ? undefined
          : {
              revision,
              configs: environment.configs,
              isScaledToZero,
              readiness: isScaledToZero ? ready : canary,
            },
      primary: hasPrimary ? { revision: this.primaryRevision, readiness: primary } : undefined,
      routes: this.routes,
      endpoints: {
        primary: this.endpoints.primary ?? (hasPrimary && primary.state === 'ready' ? 1 : 0),
        canary: this.endpoints.canary ?? (hasCanaryPods ? 1 : 0),
      },
      memory: this.memory,
    };
  }

  /** Answers questions until a decision is left. */
  decide(): Decision {
    const hooks: Partial<Record<HookCall['type'], readonly HookResult[]>> = {};
    let answers: Observation['answers'] = { hooks };
    for (let questions = 0; questions < 12; questions += 1) {
      const decided = decide(this.spec, this.status, { ...this.observe(), answers }, this.now);
      if (decided.ask === undefined) return decided;
      this.asked.push(decided.ask);
      if (decided.ask.kind === 'hooks') hooks[decided.ask.type] = this.#answer(decided.ask.type);
      if (decided.ask.kind === 'metrics') answers = { ...answers, metrics: this.environment.metrics };
      if (decided.ask.kind === 'probe') answers = { ...answers, probe: { error: undefined } };
    }
    throw new Error('the questions do not end');
  }

  #answer(type: HookCall['type']): readonly HookResult[] {
    const hooks = (this.spec.analysis.webhooks ?? []).filter((hook) => (hook.type || 'rollout') === type);
    const isOpen = type === 'rollback' ? this.environment.rollback : !this.environment.closed.has(type);
    return hooks.map(({ name }) => ({ name, passed: isOpen, error: isOpen ? '' : 'Forbidden' }));
  }

  /** Carries a decision out. @param effects how many, for a crash in the middle; default: all */
  apply(decided: Decision, effects = Number.POSITIVE_INFINITY): void {
    const { routes, scale, promote, status } = decided;
    const known: Partial<Record<(typeof effectOrder)[number], () => void>> = {
      ...(decided.createPrimary && { createPrimary: () => this.#createPrimary() }),
      ...(routes && { routes: () => this.#setRoutes(routes) }),
      ...(scale && { scale: () => this.#scale(scale) }),
      ...(promote && { promote: () => this.#promote(promote.revision) }),
      ...(decided.revert && { revert: () => this.trace.push('revert') }),
      ...(status && { status: () => this.#write(status) }),
      ...(decided.removeFinalizer && { removeFinalizer: () => this.#removeFinalizer() }),
      events: () => this.#tell(decided),
    };
    const parts = effectOrder.map((name) => known[name]).filter((part) => part !== undefined);
    for (const part of parts.slice(0, effects)) part();
    if (effects < parts.length) this.memory = {};
    else this.memory = decided.memory;
    this.decisions.push(decided);
  }

  #createPrimary(): void {
    this.hasPrimary = true;
    this.primaryRevision = this.environment.revision;
    this.trace.push('create primary');
  }

  #setRoutes(routes: Routes): void {
    this.routes = routes;
    this.trace.push(`routes ${routes.primary}/${routes.canary}${routes.mirrored ? ' mirrored' : ''}`);
  }

  #scale(scale: string): void {
    this.isScaledToZero = scale === 'to-zero';
    this.trace.push(`scale ${scale}`);
  }

  #promote(revision: string): void {
    if (revision !== this.environment.revision) throw new Error('another revision than the tested one');
    this.primaryRevision = revision;
    // An update begins a new deadline.
    if (this.environment.primary.state === 'stuck') this.environment.primary = waiting;
    this.trace.push('promote');
  }

  #write(status: CanaryStatus): void {
    this.status = status;
    this.rows.push(status);
    const { phase = '', canaryWeight = 0, iterations = 0, failedChecks = 0 } = status;
    this.trace.push(`row ${phase} weight ${canaryWeight} iterations ${iterations} failed ${failedChecks}`);
  }

  #removeFinalizer(): void {
    this.hasFinalizer = false;
    this.trace.push('remove finalizer');
  }

  #tell(decided: Decision): void {
    const told = [...decided.events];
    for (const call of decided.hooks) {
      this.hooks.push(call);
      told.push(...this.#answer(call.type).map((result) => postRolloutEvent(call.phase, result)));
    }
    told.push(...decided.closingEvents);
    for (const { type, message } of told) this.events.push(`${type.charAt(0)} ${message}`);
    for (const { message } of decided.alerts) this.alerts.push(message);
  }

  /** Decides and acts until nothing is left to do now. @returns how many decisions it took */
  settle(): number {
    for (let count = 1; count <= 20; count += 1) {
      const decided = this.decide();
      this.apply(decided);
      const isDone = !hasEffects(decided) && (decided.wakeAt === undefined || decided.wakeAt > this.now);
      if (isDone) return count;
    }
    throw new Error(`no rest: ${this.trace.slice(-8).join(', ')}`);
  }

  /** Lets time pass to the next tick, then settles. */
  tick(count = 1): void {
    for (let i = 0; i < count; i += 1) {
      this.now += 11_000;
      this.settle();
    }
  }

  /** Brings a new Canary to `Initialized` and forgets what was told. */
  initialize(): this {
    this.settle();
    this.clear();
    return this;
  }

  clear(): void {
    for (const list of [
      this.events,
      this.alerts,
      this.rows,
      this.asked,
      this.hooks,
      this.trace,
      this.decisions,
    ]) {
      list.length = 0;
    }
  }

  /** Somebody changes the target. */
  change(revision: string | undefined): this {
    this.environment.revision = revision;
    this.settle();
    return this;
  }

  copy(): ModelWorld {
    const world = new ModelWorld(this.spec);
    const {
      spec,
      provider,
      status,
      routes,
      memory,
      now,
      primaryRevision,
      hasPrimary,
      isScaledToZero,
      hasFinalizer,
    } = this;
    Object.assign(world, {
      spec,
      provider,
      status,
      routes,
      memory,
      now,
      primaryRevision,
      hasPrimary,
      isScaledToZero,
      hasFinalizer,
    });
    world.environment = { ...this.environment };
    world.endpoints = { ...this.endpoints };
    return world;
  }
}
