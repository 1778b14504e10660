import type { Clock } from '../../base/clock.ts';
import { parseTime } from '../../base/time.ts';
import type { RestClient } from '../../kube/rest-client.ts';
import type { Pod, TokenProjection } from './kinds.ts';

interface Token {
  readonly bytes: Uint8Array;
  /** When to ask for the next one, milliseconds since the epoch. */
  readonly renewAt: number;
}

/** How much of its life a token is used for. Source: pkg/kubelet/token of Kubernetes 1.36. */
const usedShare = 0.8;
const defaultSeconds = 3600;

/** Tokens of service accounts for pods. One is asked for when somebody reads it, and kept for most of its life. */
export class PodTokens {
  readonly #client: Pick<RestClient, 'raw'>;
  readonly #clock: Clock;
  /** By uid of the pod, then by what was asked for. */
  readonly #tokens = new Map<string, Map<string, Token>>();

  constructor(client: Pick<RestClient, 'raw'>, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** @throws ApiError */
  async get(
    pod: Pod,
    { audience = '', expirationSeconds = defaultSeconds }: TokenProjection,
  ): Promise<Uint8Array> {
    const { uid = '' } = pod.metadata;
    const known = this.#tokens.get(uid) ?? new Map<string, Token>();
    const key = `${audience} ${expirationSeconds}`;
    const token = known.get(key);
    if (token !== undefined && this.#clock.now() < token.renewAt) return token.bytes;
    const fresh = await this.#request(pod, audience, expirationSeconds);
    this.#tokens.set(uid, known.set(key, fresh));
    return fresh.bytes;
  }

  forget(uid: string): void {
    this.#tokens.delete(uid);
  }

  async #request({ metadata, spec }: Pod, audience: string, expirationSeconds: number): Promise<Token> {
    const account = spec.serviceAccountName ?? 'default';
    const path = `/api/v1/namespaces/${metadata.namespace}/serviceaccounts/${account}/token`;
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: metadata.name, uid: metadata.uid };
    const audiences = audience === '' ? [] : [audience];
    const json = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences, expirationSeconds, boundObjectRef },
    };
    const now = this.#clock.now();
    const { text } = await this.#client.raw('POST', path, { json, contentType: 'application/json' });
    const { status } = JSON.parse(text) as { status: { token: string; expirationTimestamp: string } };
    const renewAt = now + usedShare * (parseTime(status.expirationTimestamp) - now);
    return { bytes: Buffer.from(status.token, 'utf8'), renewAt };
  }
}
