import { z } from 'zod';
import { parseDuration } from '../../base/duration.ts';
import { errorMessage, InvalidInputError } from '../../base/errors.ts';

// The parts of networking.istio.io that the mesh acts on, as they stand in objects. What is not named here is ignored.

const duration = z.string().transform((text, context) => {
  try {
    return parseDuration(text);
  } catch (error) {
    context.addIssue(errorMessage(error));
    return z.NEVER;
  }
});

const stringMatch = z.object({
  exact: z.string().optional(),
  prefix: z.string().optional(),
  regex: z.string().optional(),
});
const stringMatches = z.record(z.string(), stringMatch);
const texts = z.array(z.string());
const textMap = z.record(z.string(), z.string());
const percent = z.object({ value: z.number().default(0) });

const httpMatch = z.object({
  name: z.string().optional(),
  uri: stringMatch.optional(),
  scheme: stringMatch.optional(),
  method: stringMatch.optional(),
  authority: stringMatch.optional(),
  headers: stringMatches.optional(),
  withoutHeaders: stringMatches.optional(),
  queryParams: stringMatches.optional(),
  port: z.number().optional(),
  sourceLabels: textMap.optional(),
  sourceNamespace: z.string().optional(),
  gateways: texts.optional(),
  ignoreUriCase: z.boolean().optional(),
});

const destination = z.object({
  host: z.string(),
  subset: z.string().optional(),
  port: z.object({ number: z.number().optional() }).optional(),
});

const headerOperations = z.object({
  set: textMap.optional(),
  add: textMap.optional(),
  remove: texts.optional(),
});
const headers = z.object({
  request: headerOperations.optional(),
  response: headerOperations.optional(),
});

const retries = z.object({
  attempts: z.number().optional(),
  perTryTimeout: duration.optional(),
  retryOn: z.string().optional(),
  retryIgnorePreviousHosts: z.boolean().optional(),
  backoff: duration.optional(),
});

const corsPolicy = z.object({
  allowOrigins: z.array(stringMatch).optional(),
  allowOrigin: texts.optional(),
  allowMethods: texts.optional(),
  allowHeaders: texts.optional(),
  exposeHeaders: texts.optional(),
  maxAge: duration.optional(),
  allowCredentials: z.boolean().optional(),
  unmatchedPreflights: z.string().optional(),
});

const fault = z.object({
  delay: z
    .object({
      percentage: percent.optional(),
      percent: z.number().optional(),
      fixedDelay: duration.optional(),
    })
    .optional(),
  abort: z.object({ percentage: percent.optional(), httpStatus: z.number().optional() }).optional(),
});

const httpRoute = z.object({
  name: z.string().optional(),
  match: z.array(httpMatch).optional(),
  route: z
    .array(z.object({ destination, weight: z.number().optional(), headers: headers.optional() }))
    .optional(),
  redirect: z
    .object({
      uri: z.string().optional(),
      authority: z.string().optional(),
      scheme: z.string().optional(),
      port: z.number().optional(),
      derivePort: z.string().optional(),
      redirectCode: z.number().optional(),
    })
    .optional(),
  directResponse: z
    .object({
      status: z.number(),
      body: z.object({ string: z.string().optional(), bytes: z.string().optional() }).optional(),
    })
    .optional(),
  delegate: z.object({ name: z.string(), namespace: z.string().optional() }).optional(),
  rewrite: z
    .object({
      uri: z.string().optional(),
      authority: z.string().optional(),
      uriRegexRewrite: z.object({ match: z.string(), rewrite: z.string() }).optional(),
    })
    .optional(),
  timeout: duration.optional(),
  retries: retries.optional(),
  fault: fault.optional(),
  mirror: destination.optional(),
  mirrorPercent: z.number().optional(),
  mirrorPercentage: percent.optional(),
  mirrors: z.array(z.object({ destination, percentage: percent.optional() })).optional(),
  corsPolicy: corsPolicy.optional(),
  headers: headers.optional(),
});

const virtualServiceSpec = z.object({
  hosts: texts.optional(),
  gateways: texts.optional(),
  exportTo: texts.optional(),
  http: z.array(z.unknown()).optional(),
});

const loadBalancer = z.object({
  simple: z.string().optional(),
  consistentHash: z
    .object({
      httpHeaderName: z.string().optional(),
      httpQueryParameterName: z.string().optional(),
      useSourceIp: z.boolean().optional(),
      httpCookie: z
        .object({ name: z.string(), path: z.string().optional(), ttl: duration.optional() })
        .optional(),
    })
    .optional(),
});
const outlierDetection = z.object({
  consecutive5xxErrors: z.number().optional(),
  consecutiveGatewayErrors: z.number().optional(),
  baseEjectionTime: duration.optional(),
  maxEjectionPercent: z.number().optional(),
});
const portPolicy = z.object({
  loadBalancer: loadBalancer.optional(),
  outlierDetection: outlierDetection.optional(),
});
const trafficPolicy = portPolicy.extend({
  portLevelSettings: z
    .array(portPolicy.extend({ port: z.object({ number: z.number().optional() }).optional() }))
    .optional(),
});
const destinationRuleSpec = z.object({
  host: z.string(),
  exportTo: texts.optional(),
  trafficPolicy: trafficPolicy.optional(),
  subsets: z
    .array(
      z.object({ name: z.string(), labels: textMap.optional(), trafficPolicy: trafficPolicy.optional() }),
    )
    .optional(),
});

const gatewaySpec = z.object({
  selector: textMap.optional(),
  servers: z
    .array(
      z.object({
        port: z.object({ number: z.number(), protocol: z.string().optional() }),
        hosts: texts,
        tls: z.object({ httpsRedirect: z.boolean().optional(), mode: z.string().optional() }).optional(),
      }),
    )
    .optional(),
});

export type StringMatchDocument = z.output<typeof stringMatch>;
export type HttpMatchDocument = z.output<typeof httpMatch>;
export type DestinationDocument = z.output<typeof destination>;
export type HeadersDocument = z.output<typeof headers>;
export type HttpRouteDocument = z.output<typeof httpRoute>;
export type VirtualServiceDocument = z.output<typeof virtualServiceSpec>;
export type TrafficPolicyDocument = z.output<typeof trafficPolicy>;
export type DestinationRuleDocument = z.output<typeof destinationRuleSpec>;
export type GatewayDocument = z.output<typeof gatewaySpec>;

export const parseHttpRoute = parser(httpRoute);
export const parseVirtualServiceSpec = parser(virtualServiceSpec);
export const parseDestinationRuleSpec = parser(destinationRuleSpec);
export const parseGatewaySpec = parser(gatewaySpec);

/** @returns a function that throws InvalidInputError, with where it is wrong */
function parser<T>(schema: z.ZodType<T>): (value: unknown) => T {
  return (value) => {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    const issues = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    throw new InvalidInputError(issues.join('; '));
  };
}
