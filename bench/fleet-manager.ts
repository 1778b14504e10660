// A child of bench/fleet.ts: the manager, with the machine's git.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manager } from '../src/fleet/manager/manager.ts';
import type { ConnectMember } from '../src/fleet/members.ts';
import { runGit } from '../src/gitops/source/run-git.ts';
import { systemGit } from '../src/gitops/source/system-git.ts';
import { createClient } from '../src/kube/rest-client.ts';
import { CountedConnections, serveRole } from './counted-role.ts';

const connections = new CountedConnections();
const { clock, connect } = connections;
const scratchFolder = mkdtempSync(join(tmpdir(), 'viridian-bench-git-'));
const { PATH: path = '' } = process.env;
const git = systemGit({ clock, run: runGit, scratchFolder, path });
const connectMember: ConnectMember = (config) => {
  const sockets = connections.sockets(config);
  const { fetch, upgrade } = sockets;
  const { server } = config;
  const client = createClient({ fetch, upgrade, server, credentials: config, clock, userAgent: 'bench' });
  return { client, close: () => sockets.close() };
};
process.once('exit', () => rmSync(scratchFolder, { recursive: true, force: true }));
await serveRole(connections, manager({ version: 'bench', connect, connectMember, git }));
