import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { HttpRequest } from '../../base/network.ts';
import type { Random } from '../../base/random.ts';
import { formatTime } from '../../base/time.ts';
import type { JsonObject } from '../../machinery/json.ts';
import type { ListMeta } from '../../machinery/object.ts';
import type { DecodeProtobuf } from './body.ts';
import type { Representation } from './negotiation.ts';
import type { Registry } from './registry.ts';
import type { RequestInfo } from './request-info.ts';
import type { ResourceDefinition, UserInfo, WriteContext } from './resource-definition.ts';
import type { Storage } from './storage.ts';

/** What a transformer turns into a Table or into metadata alone. */
export interface TransformInput {
  readonly definition: ResourceDefinition;
  /** The shape that the client asked for; never undefined here. */
  readonly as: NonNullable<Representation['as']>;
  /** Version of `meta.k8s.io`. */
  readonly version: string;
  /** Served objects, read-only. */
  readonly items: readonly JsonObject[];
  /** Metadata of the list; undefined when a single object (of a GET or of a watch event) was asked for. */
  readonly list: ListMeta | undefined;
  /** The `includeObject` parameter: empty for the default (`Metadata`). */
  readonly includeObject: string;
  /** In a watch, only the first Table carries its columns. */
  readonly withColumns: boolean;
  /** Wall time in milliseconds, for ages. */
  readonly nowMs: number;
}

export type Transform = (input: TransformInput) => JsonObject;

/** The server, as its verbs see it. */
export interface ApiServer {
  readonly registry: Registry;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Without it, Tables and partial metadata are not acceptable (406). */
  readonly transform?: Transform | undefined;
  /** Without it, protobuf bodies are refused (415). */
  readonly decodeProtobuf?: DecodeProtobuf | undefined;
}

/** A request for a resource that exists, from somebody who may make it. */
export interface ApiRequest {
  readonly http: HttpRequest;
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  readonly definition: ResourceDefinition;
  readonly user: UserInfo;
  readonly representation: Representation;
  /** Becomes `Warning` headers. */
  readonly warnings: string[];
}

/** A whole answer: an object, a list or a Status, already as the client wants it unless `definition` says otherwise. */
export interface Answer {
  readonly status: number;
  readonly value: JsonObject;
}

export function writeContext(server: ApiServer, user: UserInfo, dryRun: boolean): WriteContext {
  const { storage, random } = server;
  return {
    now: formatTime(server.clock.now()),
    random,
    user,
    dryRun,
    read: (storageKey, namespace, name) => storage.get(storageKey, namespace, name),
    list: (storageKey) => storage.list(storageKey, undefined),
  };
}
