import type { CanarySpec } from '../api/canary.ts';
import type { CanaryWebhook } from '../api/canary-analysis.ts';
import type { Decision } from './decision.ts';
import {
  type Environment,
  ModelWorld,
  ready,
  revisions,
  specOf,
  stuck,
  waiting,
} from './model-world.test-double.ts';

/*
 * Walks every state that a Canary can get into, by trying everything that the outside may do at each of them.
 * Time is coarse (every wait is over at the next decision) and effects may be lost after any of them.
 */

/** What the outside does for the length of one decision. */
type Move = readonly [name: string, change: (world: ModelWorld) => void];

const env =
  (change: Partial<Environment>, endpoints: ModelWorld['endpoints'] = {}): Move[1] =>
  (world) => {
    world.environment = { ...world.environment, ...change };
    world.endpoints = endpoints;
  };

const gates = new Set([
  'confirm-rollout',
  'pre-rollout',
  'rollout',
  'confirm-traffic-increase',
  'confirm-promotion',
]);
const moves: readonly Move[] = [
  ['all is well', () => {}],
  ['metrics fail', env({ metrics: { verdict: 'failed', message: 'Halt' } })],
  ['metrics unavailable', env({ metrics: { verdict: 'unavailable', message: 'down' } })],
  ['hooks refuse', env({ closed: gates })],
  ['rollback hook', env({ rollback: true })],
  ['canary waits', env({ canary: waiting })],
  ['canary rolls', env({ canary: waiting }, { canary: 1 })],
  ['canary stuck', env({ canary: stuck })],
  ['primary waits', env({ primary: waiting })],
  ['primary rolls', env({ primary: waiting }, { primary: 1 })],
  ['primary stuck', env({ primary: stuck })],
  ['primary stuck, serving', env({ primary: stuck }, { primary: 1 })],
  ['both down', env({ canary: waiting, primary: waiting })],
  ['change to a', env({ revision: revisions.a })],
  ['change to b', env({ revision: revisions.b, canary: waiting })],
  ['change to c', env({ revision: revisions.c })],
  ['change to c, primary down', env({ revision: revisions.c, primary: stuck })],
  ['routes lost', (world) => void (world.routes = undefined)],
  ['routes moved', (world) => void (world.routes = { primary: 50, canary: 50, mirrored: false })],
  ['scaled by somebody', (world) => void (world.isScaledToZero = !world.isScaledToZero)],
  ['primary deleted', (world) => void (world.hasPrimary = false)],
  ['target missing', env({ revision: undefined })],
];

export interface Edge {
  readonly from: ModelWorld;
  readonly move: string;
  readonly decided: Decision;
  readonly seen: ReturnType<ModelWorld['observe']>;
  readonly to: ModelWorld;
}

const benign: Omit<Environment, 'revision'> = {
  configs: {},
  canary: ready,
  primary: ready,
  metrics: { verdict: 'passed', message: '' },
  closed: new Set(),
  rollback: false,
  isDeleting: false,
};

/** The world as it is between two decisions: what the outside did has passed, but the target stays changed. */
export function calm(world: ModelWorld, revision: string): ModelWorld {
  const copy = world.copy();
  copy.environment = { ...benign, revision };
  copy.endpoints = {};
  copy.memory = {};
  copy.now += 11_000;
  return copy;
}

function keyOf({
  status,
  routes,
  hasPrimary,
  primaryRevision,
  isScaledToZero,
  environment,
}: ModelWorld): string {
  const { lastTransitionTime: _time, conditions = [], ...rest } = status;
  const types = conditions.map(({ type }) => type);
  const { lastAppliedSpec, lastPromotedSpec, ...others } = rest;
  // Revisions are only compared with each other: states that differ in their names are one.
  const named = [
    environment.revision,
    lastAppliedSpec,
    lastPromotedSpec,
    hasPrimary ? primaryRevision : undefined,
  ];
  const places = named.map((name) => named.indexOf(name));
  const isKnown = named.map((name) => name !== undefined);
  return JSON.stringify([others, types, routes, hasPrimary, isScaledToZero, places, isKnown]);
}

/**
 * Every reachable state, and every edge between two of them.
 *
 * @param visit called once for each edge
 * @returns the states
 */
export function explore(
  spec: CanarySpec,
  provider: string,
  visit: (edge: Edge) => void,
): readonly ModelWorld[] {
  const start = new ModelWorld(spec);
  start.provider = provider;
  const known = new Map<string, ModelWorld>();
  const open: ModelWorld[] = [];
  const reach = (world: ModelWorld): void => {
    const key = keyOf(world);
    if (known.has(key)) return;
    known.set(key, world);
    open.push(world);
  };
  reach(calm(start, revisions.a));
  for (let from = open.pop(); from !== undefined; from = open.pop()) {
    for (const [move, change] of moves) {
      const at = from.copy();
      change(at);
      const seen = at.observe();
      const revision = at.environment.revision ?? from.environment.revision ?? revisions.a;
      const decided = at.decide();
      for (const effects of [1, 2, Number.POSITIVE_INFINITY]) {
        const after = at.copy();
        after.apply(decided, effects);
        const to = calm(after, revision);
        if (effects === Number.POSITIVE_INFINITY) visit({ from, move, decided, seen, to });
        reach(to);
      }
    }
  }
  return [...known.values()];
}

const webhooks: CanaryWebhook[] = [
  { name: 'start', type: 'confirm-rollout', url: 'http://gate' },
  { name: 'promote', type: 'confirm-promotion', url: 'http://gate' },
  { name: 'more', type: 'confirm-traffic-increase', url: 'http://gate' },
  { name: 'back', type: 'rollback', url: 'http://gate' },
  { name: 'test', type: 'pre-rollout', url: 'http://gate' },
];
const checks = { metrics: [{ name: 'request-success-rate' }], webhooks };
const match = [{ headers: { 'x-canary': { exact: 'insider' } } }];

/** Small rollouts of every strategy, to be explored to the end. */
export const smallRollouts: readonly {
  readonly name: string;
  readonly spec: CanarySpec;
  readonly provider: string;
}[] = [
  { name: 'canary', spec: specOf({ ...checks, stepWeight: 50, stepWeightPromotion: 60 }), provider: 'istio' },
  { name: 'canary with steps', spec: specOf({ ...checks, stepWeights: [10, 60] }), provider: 'istio' },
  { name: 'mirrored canary', spec: specOf({ ...checks, stepWeight: 100, mirror: true }), provider: 'istio' },
  { name: 'A/B', spec: specOf({ ...checks, iterations: 2, match }), provider: 'istio' },
  { name: 'blue/green', spec: specOf({ ...checks, iterations: 2 }), provider: 'istio' },
  {
    name: 'mirrored blue/green',
    spec: specOf({ ...checks, iterations: 1, mirror: true }),
    provider: 'istio',
  },
  { name: 'plain Kubernetes', spec: specOf({ ...checks, iterations: 1 }), provider: 'kubernetes' },
  {
    name: 'without analysis',
    spec: specOf({ ...checks, stepWeight: 50 }, { skipAnalysis: true }),
    provider: 'istio',
  },
];

/** The phases and the rules that lead from one to another. */
export class PhaseDiagram {
  readonly #edges = new Map<string, Set<string>>();

  add({ from, decided }: Edge): void {
    const before = from.status.phase ?? '[*]';
    const after = decided.phase === '' ? '[*]' : decided.phase;
    if (before === after) return;
    const key = `${before} --> ${after}`;
    this.#edges.set(key, (this.#edges.get(key) ?? new Set()).add(decided.step));
  }

  /** As a page with a mermaid diagram. @param states how many were walked */
  draw(states: number): string {
    return page(states, this.#edges);
  }
}

function page(states: number, edges: ReadonlyMap<string, ReadonlySet<string>>): string {
  const lines = [...edges].map(([edge, steps]) => `  ${edge}: ${[...steps].sort().join(', ')}`).sort();
  return [
    '# The states of a rollout',
    '',
    '<!-- Generated by scripts/generate-rollout-states.mjs from src/rollout. Do not edit. -->',
    '',
    `Found by walking all ${states} states that ${smallRollouts.length} small rollouts (${smallRollouts.map(({ name }) => name).join(', ')})`,
    'can get into. Each arrow is named after the rules of `src/rollout/phases.ts` that take it. Suspension and deletion',
    '(`Terminating`, from every phase) are left out.',
    '',
    '```mermaid',
    'stateDiagram-v2',
    ...lines,
    '```',
    '',
  ].join('\n');
}
