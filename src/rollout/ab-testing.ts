import { allToCanary } from './routes.ts';
import type { Strategy } from './strategy.ts';

/** All requests that match go to the canary, from the first step on. */
export const abTesting: Strategy = {
  name: 'ab-testing',
  raisesTraffic: false,

  belongs: (_analysis, { iterations }) => (iterations > 0 ? allToCanary : undefined),

  next({ iterations: total = 0 }, { iterations, canaryWeight }) {
    if (iterations >= total) return undefined;
    return {
      routes: allToCanary,
      canaryWeight,
      iterations: iterations + 1,
      event: { kind: 'advance', text: `canary iteration ${iterations + 1}/${total}` },
      gate: undefined,
    };
  },
};
