import { readFileSync } from 'node:fs';
import { Command } from 'commander';

const { version, description } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string; description: string };

const program = new Command('viridian').description(description).version(version);

await program.parseAsync();
