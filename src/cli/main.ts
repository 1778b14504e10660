import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { Command, InvalidArgumentError } from 'commander';

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

await program.parseAsync();

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new InvalidArgumentError('A port is a whole number from 0 to 65535.');
}
