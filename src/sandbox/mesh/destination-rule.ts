import { asJson, type KubeObject } from '../../machinery/object.ts';
import { remembered } from '../network/object-source.ts';
import {
  type DestinationRuleDocument,
  parseDestinationRuleSpec,
  type TrafficPolicyDocument,
} from './documents.ts';
import { isVisible } from './export-to.ts';
import { fullHost, mostSpecific } from './hosts.ts';

type PortPolicy = Pick<TrafficPolicyDocument, 'loadBalancer' | 'outlierDetection'>;

/** How requests are spread over the endpoints of a service. */
export type Balancing =
  | { readonly kind: 'round-robin' | 'random' | 'least-request' }
  | { readonly kind: 'hash'; readonly by: HashKey };

export type HashKey =
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'query'; readonly name: string }
  | { readonly kind: 'source' }
  /** @property ttlMs where given, a client without the cookie gets one */
  | {
      readonly kind: 'cookie';
      readonly name: string;
      readonly path: string | undefined;
      readonly ttlMs: number | undefined;
    };

/** An endpoint that keeps failing gets nothing for a while. */
export interface OutlierPolicy {
  /** 0: never for this. */
  readonly consecutive5xx: number;
  /** 502, 503, 504 and failed connections; 0: never for this. */
  readonly consecutiveGatewayErrors: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionPercent: number;
}

export interface TrafficPolicy {
  readonly balancing: Balancing;
  readonly outliers: OutlierPolicy | undefined;
}

export interface DestinationRule {
  readonly name: string;
  readonly namespace: string;
  readonly created: string;
  readonly host: string;
  readonly document: DestinationRuleDocument;
}

/** @returns undefined for one that cannot be read: it then says nothing */
export const parseDestinationRule = remembered((object: KubeObject): DestinationRule | undefined => {
  const { name = '', namespace = '', creationTimestamp } = object.metadata;
  try {
    const document = parseDestinationRuleSpec(asJson(object)['spec']);
    return {
      name,
      namespace,
      created: creationTimestamp ?? '',
      host: fullHost(document.host, namespace),
      document,
    };
  } catch {
    return undefined;
  }
});

/** DestinationRules by where they are looked for. */
export class DestinationRules {
  readonly #byNamespace = new Map<string, Map<string, DestinationRule[]>>();
  readonly #rootNamespace: string;

  /** @param rules oldest first */
  constructor(rules: readonly DestinationRule[], rootNamespace: string) {
    this.#rootNamespace = rootNamespace;
    for (const rule of rules) {
      let hosts = this.#byNamespace.get(rule.namespace);
      if (hosts === undefined) {
        hosts = new Map<string, DestinationRule[]>();
        this.#byNamespace.set(rule.namespace, hosts);
      }
      const known = hosts.get(rule.host);
      if (known === undefined) hosts.set(rule.host, [rule]);
      else known.push(rule);
    }
  }

  /** What holds for a host: rules of the caller's namespace, else of the service's, else of the root namespace. */
  of(host: string, caller: string, serviceNamespace: string): readonly DestinationRule[] {
    for (const namespace of [caller, serviceNamespace, this.#rootNamespace]) {
      const rules = mostSpecific(
        this.#byNamespace.get(namespace) ?? new Map<string, DestinationRule[]>(),
        host,
      );
      const visible = rules?.filter((rule) =>
        isVisible(rule.document.exportTo ?? [], rule.namespace, caller),
      );
      if (visible !== undefined && visible.length > 0) return visible;
    }
    return [];
  }
}

/** The labels of a subset; undefined when no rule defines it. Several rules of one host add up. */
export function subsetLabels(
  rules: readonly DestinationRule[],
  subset: string,
): Readonly<Record<string, string>> | undefined {
  const found = findSubset(rules, subset);
  return found === undefined ? undefined : (found.labels ?? {});
}

/** What holds for one port of a host or of a subset. The oldest rule speaks for the host. */
export function trafficPolicy(
  rules: readonly DestinationRule[],
  subset: string,
  port: number,
): TrafficPolicy {
  const ofHost = atPort(rules[0]?.document.trafficPolicy, port);
  const ofSubset = atPort(findSubset(rules, subset)?.trafficPolicy, port);
  return {
    balancing: balancing(ofSubset?.loadBalancer ?? ofHost?.loadBalancer),
    outliers: outliers(ofSubset?.outlierDetection ?? ofHost?.outlierDetection),
  };
}

function findSubset(rules: readonly DestinationRule[], name: string) {
  for (const { document } of rules) {
    const found = document.subsets?.find((subset) => subset.name === name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Settings of a port replace all others. */
function atPort(policy: TrafficPolicyDocument | undefined, port: number): PortPolicy | undefined {
  return policy?.portLevelSettings?.find((settings) => settings.port?.number === port) ?? policy;
}

function balancing(document: TrafficPolicyDocument['loadBalancer']): Balancing {
  const { simple, consistentHash } = document ?? {};
  if (consistentHash !== undefined) {
    const { httpHeaderName, httpCookie, httpQueryParameterName, useSourceIp } = consistentHash;
    if (httpHeaderName !== undefined) return hash({ kind: 'header', name: httpHeaderName.toLowerCase() });
    if (httpCookie !== undefined) {
      const { name, path, ttl } = httpCookie;
      return hash({ kind: 'cookie', name, path, ttlMs: ttl });
    }
    if (httpQueryParameterName !== undefined) return hash({ kind: 'query', name: httpQueryParameterName });
    if (useSourceIp === true) return hash({ kind: 'source' });
  }
  if (simple === 'ROUND_ROBIN') return { kind: 'round-robin' };
  return { kind: simple === 'RANDOM' || simple === 'PASSTHROUGH' ? 'random' : 'least-request' };
}

function hash(by: HashKey): Balancing {
  return { kind: 'hash', by };
}

function outliers(document: TrafficPolicyDocument['outlierDetection']): OutlierPolicy | undefined {
  if (document === undefined) return undefined;
  return {
    consecutive5xx: document.consecutive5xxErrors ?? 5,
    consecutiveGatewayErrors: document.consecutiveGatewayErrors ?? 0,
    baseEjectionMs: document.baseEjectionTime ?? 30_000,
    maxEjectionPercent: document.maxEjectionPercent ?? 10,
  };
}
