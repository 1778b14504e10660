import { hey } from '../loadtester/hey.ts';
import type { Shell } from '../sandbox/node/shell.ts';
import { createShell } from '../sandbox/shell/shell.ts';

/** What `exec`, probes and hooks run in a container. */
export const shell: Shell = createShell({ commands: { hey } });
