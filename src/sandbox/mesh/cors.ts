import type { HttpRouteDocument } from './documents.ts';
import type { HeaderList } from './header-operations.ts';
import type { RequestView } from './http-match.ts';
import { compileMatch } from './string-match.ts';

type CorsDocument = NonNullable<HttpRouteDocument['corsPolicy']>;

/** Envoy's CORS filter for one route. */
export interface CorsPolicy {
  /** The answer to a preflight request, where the policy answers it. */
  preflight(request: RequestView): HeaderList | undefined;
  /** What is added to the answer of the destination. */
  responseHeaders(request: RequestView): HeaderList;
}

/** @throws InvalidInputError */
export function compileCors(document: CorsDocument): CorsPolicy {
  const given = document.allowOrigins ?? (document.allowOrigin ?? []).map((exact) => ({ exact }));
  const origins = given.map(compileMatch);
  const allowed = ({ headers }: RequestView): string | undefined => {
    const { origin } = headers;
    return origin !== undefined && origins.some((matches) => matches('*') || matches(origin))
      ? origin
      : undefined;
  };
  const common = (origin: string): HeaderList => [
    ['access-control-allow-origin', origin],
    ...header('access-control-allow-credentials', document.allowCredentials === true ? 'true' : ''),
  ];
  return {
    preflight(request) {
      const { method, headers } = request;
      const asks = headers['origin'] !== undefined && headers['access-control-request-method'] !== undefined;
      if (method !== 'OPTIONS' || !asks) return undefined;
      const origin = allowed(request);
      if (origin === undefined) return document.unmatchedPreflights === 'IGNORE' ? [] : undefined;
      const { allowMethods = [], allowHeaders = [], maxAge } = document;
      return [
        ...common(origin),
        ...header('access-control-allow-methods', allowMethods.join(',')),
        ...header('access-control-allow-headers', allowHeaders.join(',')),
        ...header('access-control-max-age', maxAge === undefined ? '' : String(Math.floor(maxAge / 1000))),
      ];
    },
    responseHeaders(request) {
      const origin = allowed(request);
      if (origin === undefined) return [];
      const exposed = (document.exposeHeaders ?? []).join(',');
      return [...common(origin), ...header('access-control-expose-headers', exposed)];
    },
  };
}

function header(name: string, value: string): HeaderList {
  return value === '' ? [] : [[name, value]];
}
