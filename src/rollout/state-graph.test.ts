import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { hasEffects } from './decision.ts';
import type { ModelWorld } from './model-world.test-double.ts';
import { calm, type Edge, explore, PhaseDiagram, smallRollouts } from './state-graph.test-double.ts';

/** What is wrong with an edge; empty when nothing is. */
function violations({ decided, seen, to, from }: Edge): string[] {
  const found: string[] = [];
  const { routes, counters } = decided;
  const { threshold = 1, iterations = 0 } = from.spec.analysis;
  if (routes !== undefined) {
    if (routes.primary + routes.canary !== 100) found.push('weights do not sum to 100');
    // Ending a mirror leaves the weights as they are, and may: only more of them could hurt.
    const { primary = 0, canary = 0 } = seen.routes ?? {};
    if (routes.primary > primary && seen.endpoints.primary === 0) found.push('weight on a dead primary');
    if (routes.canary > canary && seen.endpoints.canary === 0) found.push('weight on a dead canary');
  }
  const live = routes ?? seen.routes;
  if (decided.scale === 'to-zero' && from.provider !== 'kubernetes' && (live?.canary ?? 0) > 0) {
    found.push('scaled to zero under traffic');
  }
  if (counters.failedChecks > threshold || counters.failedChecks < 0)
    found.push('failedChecks out of bounds');
  if (counters.canaryWeight > 100 || counters.canaryWeight < 0) found.push('canaryWeight out of bounds');
  if (counters.iterations > Math.max(iterations, 0) + 1 || counters.iterations < 0)
    found.push('iterations out of bounds');
  if (decided.promote !== undefined && decided.promote.revision !== from.status.lastAppliedSpec) {
    found.push('an untested revision is promoted');
  }
  if (to.status.lastPromotedSpec !== from.status.lastPromotedSpec) {
    if (to.status.lastPromotedSpec !== to.primaryRevision) found.push('the promoted revision is lost');
  }
  return found;
}

function describeEdge({ from, move, decided }: Edge): string {
  return `${JSON.stringify(from.status)} ${JSON.stringify(from.routes)} -- ${move} --> ${decided.step}`;
}

/** All that the outside owes arrives and stays. */
function letBe(state: ModelWorld): ModelWorld {
  const world = calm(state, state.environment.revision ?? '');
  world.settle();
  world.tick(12);
  return world;
}

const diagram = new PhaseDiagram();
let walked = 0;

/** Done with the target's revision: promoted, or refused. */
function isAtRest({ status, environment, routes, isScaledToZero, provider }: ModelWorld): boolean {
  const { phase, lastAppliedSpec, lastPromotedSpec } = status;
  if (phase === 'Failed') return lastAppliedSpec === environment.revision;
  const isServing = routes?.primary === 100 || provider === 'kubernetes';
  const isGood = phase === 'Initialized' || phase === 'Succeeded';
  return isGood && isServing && isScaledToZero && lastPromotedSpec === environment.revision;
}

describe.each(smallRollouts)('every reachable state of a small rollout: $name', ({ spec, provider }) => {
  const broken: string[] = [];
  const states = explore(spec, provider, (edge) => {
    diagram.add(edge);
    for (const found of violations(edge)) broken.push(`${found}: ${describeEdge(edge)}`);
  });

  walked += states.length;

  test('keeps the traffic and the counters within their bounds', () => {
    expect(states.length).toBeGreaterThan(30);
    expect(broken.slice(0, 3)).toEqual([]);
  });

  test('has an exit, which leads to rest', () => {
    const lost = states.filter((state) => !isAtRest(letBe(state)));
    expect(
      lost.slice(0, 2).map(({ status, routes, environment }) => ({ status, routes, environment })),
    ).toEqual([]);
  });

  test('can be deleted: the target serves, then everything goes back', () => {
    const held = states.filter((state) => {
      const world = calm(state, state.environment.revision ?? '');
      world.environment.isDeleting = true;
      world.hasFinalizer = true;
      world.settle();
      return world.hasFinalizer || world.isScaledToZero || !world.trace.includes('revert');
    });
    expect(held.map(({ status }) => status)).toEqual([]);
  });

  test('survives a spec that contradicts itself, and goes on when it no longer does', () => {
    const lost = states.filter((state) => {
      const world = calm(state, state.environment.revision ?? '');
      world.spec = { ...spec, skipAnalysis: false, analysis: { ...spec.analysis, interval: 'soon' } };
      world.settle();
      const isAnalysing = world.status.phase === 'Progressing' || world.status.phase === 'WaitingPromotion';
      const isWatched = !isAnalysing || (world.routes?.canary ?? 0) === 0 || !world.hasPrimary;
      world.spec = spec;
      return !(isWatched || provider === 'kubernetes') || !isAtRest(letBe(world));
    });
    expect(lost.slice(0, 2).map(({ status, routes }) => ({ status, routes }))).toEqual([]);
  });

  test('comes to rest at once, and rests', () => {
    const restless = states.filter((state) => {
      const world = calm(state, state.environment.revision ?? '');
      world.settle();
      return hasEffects(world.decide());
    });
    expect(restless.map(({ status }) => status)).toEqual([]);
  });
});

test('the diagram in docs is what the code does', () => {
  const text = readFileSync(new URL('../../docs/rollout-states.md', import.meta.url), 'utf8');

  // When this fails: node scripts/generate-rollout-states.mjs
  expect(text).toBe(diagram.draw(walked));
});
