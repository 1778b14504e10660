import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { Command, InvalidArgumentError } from 'commander';
import type { DemoOptions } from './demo/demo.ts';
import type { SandboxCommandOptions } from './sandbox.ts';

// Everything below is imported by the command that needs it, and compiled only once on this machine.
enableCompileCache();

const { version, description } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string; description: string };

const program = new Command('viridian').description(description).version(version);

program
  .command('apiserver')
  .description('run one empty cluster, for kubectl and for whatever talks to a Kubernetes API server')
  .option('--dir <folder>', 'where to write apiserver.config, a kubeconfig', '.viridian')
  .option('--port <number>', 'port of 127.0.0.1 to listen at; 0 picks a free one', parsePort, 0)
  .action(async (options: { dir: string; port: number }) => {
    const { runApiserver } = await import('./apiserver.ts');
    process.exitCode = await runApiserver(options);
  });

program
  .command('sandbox')
  .description('run a host and member clusters, whose pods answer, with Istio and Prometheus')
  .option('--members <number>', 'clusters beside the host', parseMembers, 2)
  .option('--dir <folder>', 'where to write kurator-host.config, kurator-member1.config, …', '.viridian')
  .option('--bare', 'install nothing: no Istio, no Prometheus', false)
  .option(
    '--serve <name=folder>',
    'serve a local git repository to the clusters; may be repeated',
    collect,
    [],
  )
  .option(
    '--port-base <number>',
    'first of the ports of 127.0.0.1 to listen at; default: free ones',
    parsePort,
  )
  .action(
    async ({
      portBase,
      ...options
    }: { portBase?: number } & Omit<SandboxCommandOptions, 'portBase' | 'version'>) => {
      const { runSandbox } = await import('./sandbox.ts');
      process.exitCode = await runSandbox({ ...options, portBase, version });
    },
  );

program
  .command('demo')
  .description('deliver from git to two clusters, test, promote and take back, before your eyes')
  .option('--members <number>', 'clusters beside the host', parseDemoMembers, 2)
  .option(
    '--interval <seconds>',
    'between two checks of a rollout; 90 is the pace of the example',
    parseInterval,
    5,
  )
  .option('--report <file>', 'write what happened to this file, as JSON')
  .option('--plain', 'lines without colours, nothing redrawn', false)
  .action(async (options: Omit<DemoOptions, 'report' | 'version'> & { report?: string }) => {
    const { runDemo } = await import('./demo/demo.ts');
    process.exitCode = await runDemo({ ...options, report: options.report, version });
  });

program
  .command('agent')
  .description('run the rollouts of a cluster: in a pod, or with -kubeconfig; -help tells the flags')
  .argument('[flags...]')
  // The agent reads them itself, with one dash as well as with two.
  .helpOption(false)
  .allowUnknownOption()
  .action(async (flags: readonly string[]) => {
    const { runAgent } = await import('./agent.ts');
    process.exitCode = await runAgent(flags, version);
  });

program
  .command('manager')
  .description('run the fleets of a host: in a pod, or with -kubeconfig; -help tells the flags')
  .argument('[flags...]')
  .helpOption(false)
  .allowUnknownOption()
  .action(async (flags: readonly string[]) => {
    const { runManager } = await import('./manager.ts');
    process.exitCode = await runManager(flags, version);
  });

program
  .command('loadtester')
  .description('run load against canaries, and gates: what webhooks of rollouts call; -help tells the flags')
  .argument('[flags...]')
  .helpOption(false)
  .allowUnknownOption()
  .action(async (flags: readonly string[]) => {
    const { runLoadtester } = await import('./loadtester.ts');
    process.exitCode = await runLoadtester(flags);
  });

program
  .command('kustomize')
  .description('what is done with kustomizations')
  .command('build')
  .description('print what the kustomization of a folder makes, as kustomize does')
  .argument('<folder>')
  .option('--root <folder>', 'where bases may lie; default: the git repository around the folder')
  .action(async (folder: string, { root }: { root?: string }) => {
    const { runKustomizeBuild } = await import('./kustomize.ts');
    process.exitCode = await runKustomizeBuild(folder, root);
  });

await program.parseAsync();

function collect(value: string, all: readonly string[]): readonly string[] {
  return [...all, value];
}

function parseMembers(text: string): number {
  const members = Number(text);
  if (/^\d+$/.test(text) && members <= 20) return members;
  throw new InvalidArgumentError('Members are a whole number from 0 to 20.');
}

function parseDemoMembers(text: string): number {
  const members = Number(text);
  if (/^\d+$/.test(text) && members >= 1 && members <= 10) return members;
  throw new InvalidArgumentError('Members are a whole number from 1 to 10.');
}

function parseInterval(text: string): number {
  const interval = Number(text);
  if (/^\d+$/.test(text) && interval >= 1 && interval <= 600) return interval;
  throw new InvalidArgumentError('An interval is a whole number of seconds, from 1 to 600.');
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new InvalidArgumentError('A port is a whole number from 0 to 65535.');
}
