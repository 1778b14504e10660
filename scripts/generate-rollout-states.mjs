// node scripts/generate-rollout-states.mjs: draws docs/rollout-states.md from src/rollout. A test fails when they differ.
import { writeFileSync } from 'node:fs';
import { explore, PhaseDiagram, smallRollouts } from '../src/rollout/state-graph.test-double.ts';

const diagram = new PhaseDiagram();
let states = 0;
for (const { spec, provider } of smallRollouts) {
  states += explore(spec, provider, (edge) => diagram.add(edge)).length;
}
writeFileSync(new URL('../docs/rollout-states.md', import.meta.url), diagram.draw(states));
