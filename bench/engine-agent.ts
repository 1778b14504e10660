// A child of bench/engine.ts: the agent.
import { agent } from '../src/rollout/agent/agent.ts';
import { CountedConnections, serveRole } from './counted-role.ts';

const connections = new CountedConnections();
await serveRole(connections, agent({ version: 'bench', connect: connections.connect }));
