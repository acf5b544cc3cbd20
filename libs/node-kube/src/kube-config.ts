import { join } from 'node:path';
import type { HttpClientConfig } from '#libs/discovery';

/** Where the kubelet mounts a pod's token, CA and namespace. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Where an API server is and how to speak to it. */
export interface KubeEndpoint {
  /** `https://host:port`, with a path where the server stands behind a proxy; without a slash at its end. */
  readonly url: string;
  readonly http: HttpClientConfig;
  /** The pod's own namespace, null where it is not known. */
  readonly namespaceFile: string | null;
}

/** What the kubelet sets in every container, read by the caller. */
export type KubeEnvironment = Readonly<Record<string, string | undefined>>;

/** Whether the environment is that of a pod that may speak to its API server. */
export function isInCluster(env: KubeEnvironment): boolean {
  return (env['KUBERNETES_SERVICE_HOST'] ?? '') !== '';
}

/**
 * The API server of the cluster this pod runs in.
 * @param accountDir where token and CA are, for tests
 * @returns null outside of a cluster
 */
export function inClusterEndpoint(
  env: KubeEnvironment,
  accountDir = SERVICE_ACCOUNT,
): KubeEndpoint | null {
  if (!isInCluster(env)) return null;
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '443';
  const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return {
    url: `https://${authority}`,
    namespaceFile: join(accountDir, 'namespace'),
    http: {
      auth: {
        kind: 'header',
        scheme: 'Bearer',
        credentials: { kind: 'file', path: join(accountDir, 'token') },
      },
      tls: {
        ca: { kind: 'file', path: join(accountDir, 'ca.crt') },
        cert: null,
        key: null,
        serverName: null,
        isVerified: true,
        minVersion: null,
        maxVersion: null,
      },
      followsRedirects: false,
      headers: [],
    },
  };
}
