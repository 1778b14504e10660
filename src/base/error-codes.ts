/**
 * Every code that our own errors carry, with what it means and what helps. The type of `TypedError.code` comes from
 * here, so a code that is not in this table does not compile; docs/errors.md is tested against it.
 */
export const errorCodes = {
  AlreadyOwned:
    'The object has another controller already. Remove that owner first, or leave the object to it.',
  ApplyFailed:
    'An object of a sync was refused by the API server. The message names the object and the reason.',
  AuthProviderUnsupported:
    'The kubeconfig uses auth-provider, which clients have dropped. Use a token, a client certificate or exec.',
  AuthenticationFailed:
    'The secret of a git source is missing, or holds no credentials that can be used. The message names the key.',
  BuildFailed: 'A kustomization cannot be built. The message names the file, the document or the field.',
  BuildUnsupported:
    'A kustomization uses what is not supported: remote bases, Helm charts, plugins. The message says which.',
  Cancelled: 'Whoever asked gave up (a shutdown, mostly). Nothing is wrong.',
  CelCompile: 'A CEL expression is not valid. Fix the expression; the message says where.',
  CelCostLimit:
    'A CEL rule takes too much work for this object. Simplify the rule, or bound its lists with maxItems.',
  CelEvaluation:
    'A CEL expression cannot be evaluated for this object: a missing key, a wrong type, an overflow.',
  Conflict: 'A field is owned by another manager. Leave it out of the apply, or force it.',
  DeadlineExceeded: 'The time for a wait or a request ran out. What was waited for may still happen later.',
  EmptyGitRepository: 'A git repository has no branch and no tag yet. Push a commit.',
  ExecCertificateUnsupported:
    'A credential plugin answers with a client certificate. Only its tokens are supported.',
  ExecInteractive: 'A credential plugin wants to talk to a person, and there is none. Log in by hand first.',
  ExecNotAllowed:
    'A kubeconfig wants to run a program. Only a kubeconfig of the local user may; use a token instead.',
  ExecPluginFailed:
    'A credential plugin ended with an error or printed no credential. Run it by hand to see why.',
  FileNotFound: 'A file is not there.',
  GitOperationFailed:
    'A git repository cannot be listed or fetched; the message says why. The last artifact stays in use.',
  InjectionDisabled:
    'A namespace forbids sidecars, which a rollout with Istio needs. The message says how to change that.',
  InsecureTlsUnsupported:
    'A webhook or a metric provider wants certificates not to be verified. Use one that is trusted, or http.',
  InvalidApiVersion: 'An apiVersion is not VERSION or GROUP/VERSION.',
  InvalidDuration: 'A duration is not one as Go writes them: 1h30m, 45s, 200ms.',
  InvalidExposition: 'Metrics of a scraped target are not in the text format, or more than is taken in.',
  InvalidFieldSelector: 'A field selector cannot be parsed.',
  InvalidFieldsV1: 'A fieldsV1 of metadata.managedFields is malformed.',
  InvalidInput: 'Input breaks a rule; the message says which.',
  InvalidJSONPath: 'A JSONPath template cannot be parsed or evaluated.',
  InvalidKubeconfig: 'A kubeconfig is malformed; the message names the field, never its value.',
  InvalidLabelSelector: 'A label selector cannot be parsed.',
  InvalidListItem: 'An item of a list that merges by key lacks the key, or repeats another.',
  InvalidManagedFields: 'metadata.managedFields is malformed.',
  InvalidOwner: 'An object cannot own another one across namespaces.',
  InvalidPath: 'A name cannot be part of an API path.',
  InvalidProviderConfiguration:
    'The secret of a git source is of a kind that is not supported. The message says which.',
  InvalidQuantity: 'A quantity is not one as Kubernetes writes them: 100m, 1.5Gi.',
  InvalidQueryTemplate:
    'The query of a metric is not a template that can be rendered; the message says what is wrong.',
  InvalidTime: 'A time is not RFC 3339: 2026-01-31T23:59:59Z.',
  KubeconfigNotSelfContained: 'A kubeconfig from a Secret names a file. Put the data inside (…-data).',
  LeadershipLost:
    'Another process may lead from now on. What this one was doing as the leader has been stopped.',
  ListFailed:
    'Objects of a kind cannot be listed on a cluster: permission, connection or definition is missing.',
  MalformedBody:
    'An answer is not the JSON that was promised: often a proxy or a login page answers instead.',
  NamespaceMissing: 'The namespace of a rollout is not there. Apply it, or fix workload.namespace.',
  NoKubeconfig: 'There is no kubeconfig. Name one with --kubeconfig or KUBECONFIG.',
  NoResourceVersion: 'A server lists without a resourceVersion, so its objects cannot be watched.',
  NotInCluster: 'Not in a pod: there is no service account to use. Name a kubeconfig.',
  NothingToApply:
    'A build that had objects before has none now: nothing is removed. Remove the policy if that is meant.',
  ObjectReplaced:
    'The object was deleted and made anew meanwhile; its successor comes as an event of its own.',
  OwnerNotCreated: 'An owner has no uid yet: create it first.',
  PromqlExecution: 'A query cannot be answered with the data there is; the message says why.',
  PromqlInvalid: 'A query is not valid PromQL, or uses what is not supported. The message says where.',
  PromqlTimeout: 'A query took too long. Ask for fewer series, a shorter range or larger steps.',
  ProxyUnsupported: 'The kubeconfig has a proxy-url, which is not supported.',
  RevisionChanged:
    'The target was edited while it was about to be promoted. The new revision is analysed first.',
  RolloutEngineMissing: 'A member serves no Canaries. Enable spec.plugin.flagger of the Fleet.',
  RolloutNotRestored:
    'The agent has not given a workload back in time. See that it runs; the primary goes on serving.',
  ServiceMissing: 'The Service of a rollout is not there. Apply it, or fix serviceName.',
  ServicePortMissing: 'The Service of a rollout has no such port. Fix port, or serviceName.',
  StatusNotWritten:
    'The API server refuses the status of an Application: it is too large, or the rights are missing. Nothing is applied meanwhile.',
  TlsRefused: 'A certificate was refused, on either side. Check the CA, the names in it and its dates.',
  TokenUnreadable: 'The file that holds the token cannot be read.',
  TooDeep: 'A value is nested too deeply to be taken in.',
  TrafficAtRisk:
    'A step would have sent requests to pods that are not there. It was refused, and is decided anew.',
  URLInvalid: 'The url of a git source is not an http or https URL.',
  UnknownKind: 'The server does not serve this kind: its CRD is missing, or serves another version.',
  Unreachable: 'Nobody answers, or the connection broke. The request may have been carried out all the same.',
  UnsafeLeaderElection:
    'The times of a leader election would allow two leaders. The message says which to change.',
  UpgradeRefused: 'The server refused a WebSocket.',
  WorkloadMissing: 'The workload of a rollout is not there. Apply it, or fix workload.',
} as const;

export type ErrorCode = keyof typeof errorCodes;

declare const statusReasonBrand: unique symbol;

/** The reason of a Kubernetes Status: `NotFound`, `Invalid`, … It comes from a server, or goes to a client of ours. */
export type StatusReason = string & { readonly [statusReasonBrand]: true };

export function statusReason(text: string): StatusReason {
  return text as StatusReason;
}
