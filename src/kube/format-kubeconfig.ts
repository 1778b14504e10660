import { stringify } from 'yaml';

/** What {@link formatKubeconfig} writes. Certificates and keys are PEM. */
export interface KubeconfigEntry {
  /** Of the context, the cluster and the user. */
  readonly name: string;
  readonly server: string;
  readonly ca?: string | undefined;
  readonly tlsServerName?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly token?: string | undefined;
  readonly namespace?: string | undefined;
}

/**
 * A kubeconfig with everything inside.
 *
 * @param current name of the current context; default: the first
 */
export function formatKubeconfig(
  entries: readonly KubeconfigEntry[],
  current: string | undefined = entries[0]?.name,
): string {
  const document = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': current ?? '',
    clusters: entries.map(({ name, server, ca, tlsServerName }) => ({
      name,
      cluster: {
        server,
        'certificate-authority-data': base64Of(ca),
        'tls-server-name': tlsServerName,
      },
    })),
    contexts: entries.map(({ name, namespace }) => ({
      name,
      context: { cluster: name, user: name, namespace },
    })),
    users: entries.map(({ name, cert, key, token }) => ({
      name,
      user: {
        'client-certificate-data': base64Of(cert),
        'client-key-data': base64Of(key),
        token,
      },
    })),
  };
  // kubectl reads YAML 1.1, where a bare `yes` is true.
  return stringify(document, { compat: 'yaml-1.1', lineWidth: 0 });
}

function base64Of(pem: string | undefined): string | undefined {
  return pem === undefined ? undefined : Buffer.from(pem, 'utf8').toString('base64');
}
