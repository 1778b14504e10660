import { orAbort } from '../base/abort.ts';
import { ApiError } from '../kube/api-error.ts';
import { statusReason } from '../base/error-codes.ts';
import { type Fetch, type FetchInit, type FetchResponse, headersOf, parseJsonBody } from '../base/fetch.ts';
import type { AlertProvider, AlertProviderSpec } from '../api/alert-provider.ts';
import type { CanaryAnalysis } from '../api/canary-analysis.ts';
import type { Canary, CanarySpec } from '../api/canary.ts';
import type { MetricTemplate, MetricTemplateSpec } from '../api/metric-template.ts';
import type { Config } from './targets/config.ts';

/** A request that reached the world outside. */
export interface Heard {
  readonly method: string;
  readonly url: string;
  readonly headers: NonNullable<FetchInit['headers']>;
  readonly body: unknown;
}

/** A world outside in which every request gets the answer that `answer` has for it. */
export function outside(answer: (heard: Heard, count: number) => FetchResponse | Promise<FetchResponse>): {
  readonly fetch: Fetch;
  readonly heard: Heard[];
} {
  const heard: Heard[] = [];
  return {
    heard,
    fetch: async (
      url,
      { method = 'GET', headers = {}, body, signal = new AbortController().signal } = {},
    ) => {
      const request = {
        method,
        url,
        headers,
        body: typeof body === 'string' ? parseJsonBody(body) : undefined,
      };
      heard.push(request);
      return orAbort(Promise.resolve(answer(request, heard.length)), signal);
    },
  };
}

export function answered(status: number, text = '', headers: Record<string, string> = {}): FetchResponse {
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text, 'utf8');
  }
  return {
    status,
    headers: headersOf(headers),
    body,
    text: async () => text,
    json: async (): Promise<unknown> => JSON.parse(text),
    async *jsonLines() {},
    cancel() {},
  };
}

/** An answer that never comes. */
export function silence(): Promise<FetchResponse> {
  return new Promise(() => {});
}

export function canaryOf(analysis: CanaryAnalysis = {}, spec: Partial<CanarySpec> = {}): Canary {
  return {
    apiVersion: 'flagger.app/v1beta1',
    kind: 'Canary',
    metadata: { name: 'podinfo', namespace: 'test' },
    spec: {
      targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'podinfo' },
      service: { port: 9898 },
      analysis,
      ...spec,
    },
  };
}

/** MetricTemplates, AlertProviders and Secrets, all of the namespace `test`. */
export function sources(has: {
  readonly templates?: Record<string, MetricTemplateSpec>;
  readonly providers?: Record<string, AlertProviderSpec>;
  readonly secrets?: Record<string, Record<string, string>>;
}) {
  const key = ({ namespace = '', name }: { namespace?: string | undefined; name: string }): string =>
    namespace === 'test' ? name : `${namespace}/${name}`;
  return {
    metricTemplates: {
      get(of: { namespace?: string | undefined; name: string }): MetricTemplate | undefined {
        const spec = has.templates?.[key(of)];
        const metadata = { name: of.name, namespace: 'test' };
        return spec && { apiVersion: 'flagger.app/v1beta1', kind: 'MetricTemplate', metadata, spec };
      },
    },
    alertProviders: {
      get(of: { namespace?: string | undefined; name: string }): AlertProvider | undefined {
        const spec = has.providers?.[key(of)];
        const metadata = { name: of.name, namespace: 'test' };
        return spec && { apiVersion: 'flagger.app/v1beta1', kind: 'AlertProvider', metadata, spec };
      },
    },
    secrets: {
      async read(of: { namespace?: string | undefined; name: string }): Promise<Config> {
        const data = has.secrets?.[key(of)];
        if (data === undefined) {
          throw new ApiError(`secrets "${of.name}" not found`, {
            status: 404,
            reason: statusReason('NotFound'),
          });
        }
        const encoded = Object.entries(data).map(([name, value]): [string, string] => [
          name,
          Buffer.from(value).toString('base64'),
        ]);
        const secret = {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: of.name, namespace: 'test' },
          data: Object.fromEntries(encoded),
        };
        return secret;
      },
    },
  };
}
