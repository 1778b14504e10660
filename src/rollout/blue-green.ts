import { allToCanary, allToPrimary } from './routes.ts';
import type { Strategy } from './strategy.ts';

/**
 * The canary is tested without user traffic (with a copy of it, when mirrored), then gets all of it for one last
 * check, then is promoted. Iteration N + 1 stands for "has all traffic".
 */
export const blueGreen: Strategy = {
  name: 'blue-green',
  raisesTraffic: false,

  belongs({ iterations: total = 0, mirror = false }, { iterations }) {
    if (iterations === 0) return undefined;
    return iterations > total ? allToCanary : { ...allToPrimary, mirrored: mirror };
  },

  next({ iterations: total = 0, mirror = false }, { iterations, canaryWeight }) {
    if (iterations > total) return undefined;
    if (iterations === total) {
      const text = mirror
        ? 'Stop traffic mirroring and route all traffic to canary'
        : 'Routing all traffic to canary';
      return {
        routes: allToCanary,
        canaryWeight,
        iterations: total + 1,
        event: { kind: 'plain', text },
        gate: 'confirm-promotion',
      };
    }
    return {
      routes: { ...allToPrimary, mirrored: mirror },
      canaryWeight,
      iterations: iterations + 1,
      event: { kind: 'advance', text: `canary iteration ${iterations + 1}/${total}` },
      gate: undefined,
    };
  },
};
