// node scripts/generate-rollout-states.mjs: draws docs/rollout-states.md from src/rollout. A test fails when they differ.
import { writeFileSync } from 'node:fs';
import { drawPhases } from '../src/rollout/state-graph.test-double.ts';

writeFileSync(new URL('../docs/rollout-states.md', import.meta.url), drawPhases());
