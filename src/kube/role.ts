import { Registry } from '@prometheus-io/client';
import { linkAbort } from '../base/abort.ts';
import type { Fetch, Upgrade } from '../base/fetch.ts';
import { errorMessage } from '../base/errors.ts';
import { jsonLog, type Log, type LogLevel } from '../base/log.ts';
import type { Program, ProgramContext } from '../base/program.ts';
import type { JsonObject } from '../machinery/json.ts';
import { type ConnectionConfig, inClusterConnection } from './connection.ts';
import { ensureCustomResourceDefinitions } from './custom-resource-definitions.ts';
import { LeaderElection, type Lease, leaseKind } from './leader-election.ts';
import type { Metrics } from './metrics.ts';
import { prometheusMetrics } from './prometheus-metrics.ts';
import { createClient, type RestClient } from './rest-client.ts';
import { roleServer } from './role-server.ts';

/** A way to the API server. */
export interface ApiConnection {
  readonly connection: ConnectionConfig;
  readonly fetch: Fetch;
  readonly upgrade?: Upgrade | undefined;
  readonly close: () => Promise<void>;
}

/** What the command line of every role tells. */
export interface RoleOptions {
  /** Path; empty: none. */
  readonly kubeconfig: string;
  /** Of `/healthz`, `/readyz` and `/metrics`. */
  readonly port: number;
  readonly logLevel: LogLevel;
  readonly enableLeaderElection: boolean;
  readonly leaderElectionNamespace: string;
  /** Print the version, do nothing else. */
  readonly version: boolean;
}

/** Finds the API server. */
export type ConnectApi = (context: ProgramContext, options: RoleOptions) => Promise<ApiConnection>;

/** A process that works for one cluster, as long as it leads. */
export interface RoleDefinition<Options extends RoleOptions> {
  /** As in `viridian-agent`. Owns what the client writes. */
  readonly name: string;
  /** Of the program. */
  readonly version: string;
  readonly usage: () => string;
  /** @throws InvalidInputError for a command line that makes no sense */
  readonly parse: (argv: readonly string[], env: Readonly<Record<string, string>>) => Options;
  /** Default: the API server of the pod, through the seams. */
  readonly connect?: ConnectApi | undefined;
  /** Kinds that the cluster must have before the work begins. */
  readonly definitions: readonly JsonObject[];
  readonly leaseName: string;
  /** Called once, before anything else. @returns the work of one term */
  readonly begin: (process: RoleProcess<Options>) => Lead;
}

/**
 * Works until `signal` aborts. Called once for each term, with nothing kept of an earlier one that could mislead: make
 * caches anew.
 */
type Lead = (client: RestClient, signal: AbortSignal) => Promise<void>;

/** What a role has for as long as its process lives. */
export interface RoleProcess<Options extends RoleOptions> {
  readonly context: ProgramContext;
  readonly options: Options;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The work of a term is under way: see `/readyz`. */
  readonly ready: () => void;
  /**
   * An API server that is not there yet is no reason to end: tries until it does.
   * @returns undefined when `signal` aborts first
   */
  readonly untilItAnswers: <T>(signal: AbortSignal, work: () => Promise<T>) => Promise<T | undefined>;
}

/**
 * The program of a role. It ends with 0 after SIGTERM, 1 after trouble, and 2 for a command line that makes no sense.
 */
export function role<Options extends RoleOptions>(definition: RoleDefinition<Options>): Program {
  return async (context) => {
    let options: Options;
    if (context.argv.some((word) => /^--?h(elp)?$/.test(word))) {
      context.stdout(definition.usage());
      return 0;
    }
    try {
      options = definition.parse(context.argv, context.env);
    } catch (error) {
      context.stdout(`${errorMessage(error)}\n`);
      return 2;
    }
    if (options.version) {
      context.stdout(`${definition.version}\n`);
      return 0;
    }
    const { clock } = context.seams;
    const log = jsonLog(() => clock.now(), options.logLevel, context.stdout);
    try {
      await run(definition, context, options, log);
      return 0;
    } catch (error) {
      log.error(`${definition.name} ends`, { error });
      return 1;
    }
  };
}

async function run<Options extends RoleOptions>(
  definition: RoleDefinition<Options>,
  context: ProgramContext,
  options: Options,
  log: Log,
): Promise<void> {
  const { name, version, definitions, connect = inCluster } = definition;
  const { seams, signal } = context;
  const { clock, random } = seams;
  await using cleanUp = new AsyncDisposableStack();
  const registry = new Registry();
  let isReady = false;
  const running: RoleProcess<Options> = {
    context,
    options,
    log,
    metrics: prometheusMetrics(registry),
    ready: () => (isReady = true),
    untilItAnswers: (until, work) => untilItAnswers(context, log, until, work),
  };
  const lead = oneTerm(definition.begin(running));
  const listener = await seams.network.listen(options.port, { http: roleServer(registry, () => isReady) });
  cleanUp.defer(() => listener.close(AbortSignal.abort()));
  const api = await connect(context, options);
  cleanUp.defer(() => api.close());
  const client = createClient({
    fetch: api.fetch,
    upgrade: api.upgrade,
    server: api.connection.server,
    credentials: api.connection,
    clock,
    userAgent: `${name}/${version}`,
    fieldManager: name,
  });
  await running.untilItAnswers(signal, () =>
    ensureCustomResourceDefinitions({ client, clock, random, log, definitions, signal }),
  );
  if (signal.aborted) return;
  if (!options.enableLeaderElection) {
    await lead(client, signal);
    return;
  }
  // A candidate is ready: it can take over.
  running.ready();
  const election = new LeaderElection({
    client: client.resource<Lease>(leaseKind),
    clock,
    random: random.stream('leader election'),
    log,
    namespace: options.leaderElectionNamespace,
    name: definition.leaseName,
    identity: `${context.env['HOSTNAME'] || name}_${random.uuid()}`,
  });
  await election.run((leading) => lead(client, leading), signal);
}

/** What one part of a failed term throws ends the others: they must not go on without the Lease. */
function oneTerm(lead: Lead): Lead {
  return async (client, signal) => {
    using term = linkAbort(signal);
    try {
      await lead(client, term.signal);
    } finally {
      term.abort();
    }
  };
}

async function inCluster({ files, env, seams }: ProgramContext): Promise<ApiConnection> {
  const { clock, fetch, upgrade } = seams;
  const decoder = new TextDecoder();
  const readFile = async (path: string): Promise<string> => decoder.decode(await files.read(path));
  const connection = await inClusterConnection({ readFile, clock, env });
  return { connection, fetch, upgrade, close: async () => {} };
}

async function untilItAnswers<T>(
  { seams: { clock } }: ProgramContext,
  log: Log,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T | undefined> {
  for (let waitMs = 1000; !signal.aborted; waitMs = Math.min(30_000, 2 * waitMs)) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) break;
      log.warn('the API server does not do what is asked; trying again', { error, waitMs });
      await clock.sleep(waitMs, signal).catch(() => {});
    }
  }
  return undefined;
}
