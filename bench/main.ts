// npm run bench -- [SUITE ...] [--save]: measures, prints, and exits 1 when a promise does not hold.
import { report, saveBaseline, type Suite } from './report.ts';

const suites: Record<string, () => Promise<{ default: Suite }>> = {
  kube: () => import('./kube.ts'),
  apiserver: () => import('./apiserver.ts'),
  sandbox: () => import('./sandbox.ts'),
  engine: () => import('./engine.ts'),
  fleet: () => import('./fleet.ts'),
};

const args = process.argv.slice(2);
const names = args.filter((arg) => !arg.startsWith('--'));
const unknown = names.filter((name) => !Object.hasOwn(suites, name));
if (unknown.length > 0) {
  console.error(`no such suite: ${unknown.join(', ')}; there are: ${Object.keys(suites).join(', ')}`);
  process.exit(2);
}

let ok = true;
for (const name of names.length > 0 ? names : Object.keys(suites)) {
  const suite = await suites[name]?.();
  if (suite === undefined) continue;
  const measurements = await suite.default();
  ok = report(name, measurements) && ok;
  if (args.includes('--save')) saveBaseline(name, measurements);
}
process.exit(ok ? 0 : 1);
