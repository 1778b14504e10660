import type { Command } from '../command.ts';
import { curl } from './curl.ts';
import { grep } from './grep.ts';
import { getent, nc, nslookup } from './network.ts';
import { podcli } from './podcli.ts';
import { printf } from './printf.ts';
import { date, env, hostname, id, ls, ps, sleep, timeout, uname, watch, which, whoami } from './system.ts';
import { bracket, test } from './test-command.ts';
import { cat, echo, head, seq, tail, wc } from './text.ts';
import { wget } from './wget.ts';

/** The commands that every container has. */
export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['[', bracket],
  ['cat', cat],
  ['curl', curl],
  ['date', date],
  ['echo', echo],
  ['env', env],
  ['false', async () => 1],
  ['getent', getent],
  ['grep', grep],
  ['head', head],
  ['hostname', hostname],
  ['id', id],
  // The main process of a container ignores what it does not handle, and there is no other to reach.
  ['kill', async () => 0],
  ['ls', ls],
  ['nc', nc],
  ['nslookup', nslookup],
  ['podcli', podcli],
  ['printenv', env],
  ['printf', printf],
  ['ps', ps],
  ['seq', seq],
  ['sleep', sleep],
  ['tail', tail],
  ['test', test],
  ['timeout', timeout],
  ['true', async () => 0],
  ['uname', uname],
  ['watch', watch],
  ['wc', wc],
  ['wget', wget],
  ['which', which],
  ['whoami', whoami],
]);
