import type { FetchResponse } from '../../base/fetch.ts';
import type { HttpHandler, HttpRequest } from '../../base/network.ts';
import { protocolOf, requestSize } from './exchange.ts';
import type { HeaderList } from './header-operations.ts';
import type { MeshMetrics, ServiceLabels } from './mesh-metrics.ts';
import { relay } from './responses.ts';
import type { Workload } from './workload.ts';

export interface InboundOptions {
  readonly workload: Workload;
  readonly metrics: MeshMetrics;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** The caller, when it is in the mesh. */
  readonly callerAt: (address: string) => Workload | undefined;
  /** Whether requests from there go past the proxy: from the pod itself, and probes from its node. */
  readonly isLocal: (address: string) => boolean;
  /** The service that sends to this port of the pod. */
  readonly serviceOf: (port: number) => ServiceLabels | undefined;
}

/** The called side of the mesh: counts what comes in at a port of a pod. */
export function inbound(handler: HttpHandler, port: number, options: InboundOptions): HttpHandler {
  // A pod that is being taken out of its service goes on under its name.
  let service: ServiceLabels = {
    host: 'unknown',
    name: 'InboundPassthroughCluster',
    namespace: options.workload.namespace,
  };
  return async (request) => {
    if (options.isLocal(request.remoteAddress)) return handler(request);
    service = options.serviceOf(port) ?? service;
    const record = recorder(request, service, options);
    const startedAt = options.now();
    let response: FetchResponse;
    try {
      response = await handler({ ...request, headers: { 'x-forwarded-proto': 'http', ...request.headers } });
    } catch (error) {
      // The network answers for a server that fails.
      record(500, 0, '', '-');
      throw error;
    }
    const grpcStatus = response.headers.get('grpc-status') ?? '';
    if (request.signal.aborted) {
      record(0, 0, grpcStatus, 'DC');
      return response;
    }
    const headers: HeaderList = [...response.headers].filter(([name]) => name !== 'server');
    const tookMs = String(Math.round(options.now() - startedAt));
    headers.push(['server', 'istio-envoy'], ['x-envoy-upstream-service-time', tookMs]);
    return relay(response, headers, ({ bytes, error }) => {
      const flags = error === undefined ? '-' : request.signal.aborted ? 'DC' : 'UC';
      record(response.status, bytes, grpcStatus, flags);
    });
  };
}

function recorder(
  request: HttpRequest,
  service: ServiceLabels,
  { workload, metrics, now, callerAt }: InboundOptions,
): (code: number, responseBytes: number, grpcStatus: string, flags: string) => void {
  const startedAt = now();
  const source = callerAt(request.remoteAddress);
  return (code, responseBytes, grpcStatus, flags) =>
    metrics.record({
      reporter: 'destination',
      source,
      destination: workload,
      service,
      mutual: source !== undefined,
      protocol: protocolOf(request.headers),
      code,
      grpcStatus,
      flags,
      durationMs: now() - startedAt,
      requestBytes: requestSize(request.headers, undefined),
      responseBytes,
    });
}
