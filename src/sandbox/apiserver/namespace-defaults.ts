import { errorMessage } from '../../base/errors.ts';
import type { JsonObject } from '../../machinery/json.ts';
import type { ApiServer } from './api-server.ts';
import { BackgroundQueue } from './background-queue.ts';
import { namespacesKey } from './namespace-lifecycle.ts';
import { isTerminating, nameOf, namespaceOf } from './object-metadata.ts';
import type { Change } from './storage-change.ts';

const serviceAccount = 'default';
const rootCertificates = 'kube-root-ca.crt';

/** Creates an object at a path of the API. */
export type Post = (path: string, object: JsonObject) => Promise<unknown>;

/**
 * Gives every namespace its `default` ServiceAccount and the ConfigMap with the server's CA, and gives them back when
 * they are deleted.
 *
 * Source: the serviceaccount and root-ca-certificate-publisher controllers of kube-controller-manager.
 */
export class NamespaceDefaults {
  readonly #server: ApiServer;
  readonly #post: Post;
  readonly #ca: string;
  readonly #queue: BackgroundQueue;
  readonly #stop: () => void;

  /** @param ca PEM */
  constructor(server: ApiServer, post: Post, ca: string) {
    this.#server = server;
    this.#post = post;
    this.#ca = ca;
    this.#queue = new BackgroundQueue(server.clock, server.log, (namespace) => this.#complete(namespace));
    this.#stop = server.storage.onChange((change) => this.#observe(change));
  }

  close(): void {
    this.#stop();
    this.#queue.close();
  }

  #observe({ storageKey, type, object }: Change): void {
    if (storageKey === namespacesKey && type === 'ADDED') this.#queue.add(nameOf(object));
    const isOurs =
      (storageKey === 'serviceaccounts' && nameOf(object) === serviceAccount) ||
      (storageKey === 'configmaps' && nameOf(object) === rootCertificates);
    const namespace = namespaceOf(object);
    if (isOurs && type === 'DELETED' && namespace !== undefined) this.#queue.add(namespace);
  }

  #complete(namespace: string): void {
    const { storage } = this.#server;
    const found = storage.get(namespacesKey, undefined, namespace);
    if (found === undefined || isTerminating(found)) return;
    if (storage.get('serviceaccounts', namespace, serviceAccount) === undefined) {
      this.#create(namespace, 'serviceaccounts', {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: serviceAccount, namespace },
      });
    }
    if (storage.get('configmaps', namespace, rootCertificates) === undefined) {
      const description =
        'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';
      this.#create(namespace, 'configmaps', {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: {
          name: rootCertificates,
          namespace,
          annotations: { 'kubernetes.io/description': description },
        },
        data: { 'ca.crt': this.#ca },
      });
    }
  }

  #create(namespace: string, resource: string, object: JsonObject): void {
    this.#post(`/api/v1/namespaces/${namespace}/${resource}`, object).catch((error: unknown) => {
      // The namespace may have gone meanwhile.
      this.#server.log.debug('default object of a namespace not created', {
        namespace,
        resource,
        message: errorMessage(error),
      });
    });
  }
}
