// The import table of docs/design.md: a folder of src/ may import itself and what its row names.
const mayImport = {
  base: [],
  machinery: ['base'],
  kube: ['base', 'machinery'],
  api: ['base', 'machinery'],
  kustomize: ['base', 'machinery'],
  rollout: ['base', 'machinery', 'kube', 'api'],
  gitops: ['base', 'machinery', 'kube', 'api', 'kustomize'],
  fleet: ['base', 'machinery', 'kube', 'api', 'gitops', 'kustomize'],
  loadtester: ['base'],
  sandbox: ['base', 'machinery', 'kube'],
  dashboard: ['base', 'machinery', 'kube', 'api'],
};

// Doubles of the world are a part of tests, and as free.
const tests = '\\.test(-double)?\\.ts$';
const layers = Object.entries(mayImport).map(([room, others]) => ({
  name: `${room}-imports-only-its-row`,
  comment: `src/${room} may import ${[room, ...others].join(', ')}. The table is in docs/design.md.`,
  severity: 'error',
  from: { path: `^src/${room}/`, pathNot: tests },
  to: { path: '^src/', pathNot: `^src/(${[room, ...others].join('|')})/` },
}));

module.exports = {
  forbidden: [
    ...layers,
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'product-does-not-import-tests',
      severity: 'error',
      from: { path: '^src/', pathNot: tests },
      to: { path: `${tests}|^(test|bench|scripts)/` },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
