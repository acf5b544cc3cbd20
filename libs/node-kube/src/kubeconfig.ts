import { dirname, resolve } from 'node:path';
import type { HttpClientConfig, SecretSource } from '#libs/discovery';
import { errorCode, readSecretFile } from '#libs/node-files';
import { ConfigTextError, parseYamlConfig, Secret, yamlText } from '#libs/yaml-config';
import { z } from 'zod';
import type { KubeEndpoint } from './kube-config.ts';

const MAX_LENGTH = 1024 * 1024;

/** What may hold anything, since others write and read the file too. */
const text = yamlText().optional();

const clusterSchema = z.looseObject({
  server: text,
  'certificate-authority': text,
  'certificate-authority-data': text,
  'insecure-skip-tls-verify': z.boolean().optional(),
  'tls-server-name': text,
  'proxy-url': text,
});

const userSchema = z.looseObject({
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
  token: text,
  tokenFile: text,
  username: text,
  password: text,
});

const contextSchema = z.looseObject({ cluster: text, user: text, namespace: text });

const entryName = yamlText();

const fileSchema = z.looseObject({
  clusters: z.array(z.looseObject({ name: entryName, cluster: clusterSchema.nullish() })).nullish(),
  users: z.array(z.looseObject({ name: entryName, user: userSchema.nullish() })).nullish(),
  contexts: z.array(z.looseObject({ name: entryName, context: contextSchema.nullish() })).nullish(),
  'current-context': text,
});

/** One entry of a list of a kubeconfig, and the file it stands in. */
interface Entry<T> {
  readonly file: string;
  readonly path: string;
  readonly value: T;
}

type Cluster = z.output<typeof clusterSchema>;
type User = z.output<typeof userSchema>;
type Context = z.output<typeof contextSchema>;

/** An API server as a kubeconfig has it. */
export interface KubeconfigEndpoint {
  readonly endpoint: KubeEndpoint;
  /** The context's, null where it has none. */
  readonly namespace: string | null;
}

/**
 * Where `kubectl` looks: the files of `KUBECONFIG`, else the one in the home directory.
 * @returns null where the environment says neither
 */
export function kubeconfigFiles(
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] | null {
  const listed = (env['KUBECONFIG'] ?? '').split(':').filter((file) => file !== '');
  if (listed.length > 0) return listed;
  const home = env['HOME'] ?? '';
  return home === '' ? null : [resolve(home, '.kube', 'config')];
}

/**
 * Reads an API server out of kubeconfig files: address, CA, client certificate, token or password. Of names that several
 * files have the first counts, and of several files some may be missing, as with `kubectl`. Files that they name are read for every use, what stands in them once.
 * @param files absolute, or relative to the working directory
 * @param context null for the current one
 * @see https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 * @throws ConfigTextError that names the file and what is wrong or not done: plugins, proxies, impersonation
 */
export async function readKubeconfig(
  files: readonly string[],
  context: string | null,
): Promise<KubeconfigEndpoint> {
  const read = await readFiles(files.map((file) => resolve(file)));
  const [{ file: first } = { file: 'kubeconfig' }] = read;
  const wanted = context ?? read.map((one) => one.current).find((name) => name !== '') ?? '';
  if (wanted === '') {
    const names = read.flatMap(({ contexts }) => [...contexts.keys()]);
    refuse(first, 'current-context', `names no context; there are: ${names.join(', ') || 'none'}`);
  }
  const chosen = pick(
    first,
    'context',
    wanted,
    read.map(({ contexts }) => contexts),
  );
  const { file, path, value } = chosen;
  const clusterName = value.cluster ?? '';
  if (clusterName === '') refuse(file, `${path}.cluster`, 'is missing');
  const cluster = pick(
    file,
    'cluster',
    clusterName,
    read.map(({ clusters }) => clusters),
  );
  const userName = value.user ?? '';
  const user =
    userName === ''
      ? null
      : pick(
          file,
          'user',
          userName,
          read.map(({ users }) => users),
        );
  return {
    endpoint: toEndpoint(cluster, user),
    namespace: value.namespace === undefined || value.namespace === '' ? null : value.namespace,
  };
}

async function readFiles(files: readonly string[]): Promise<ParsedKubeconfig[]> {
  const found = await Promise.all(
    files.map((file) =>
      readFile(file).catch((error: unknown) => {
        if (files.length > 1 && error instanceof MissingFileError) return error;
        throw error;
      }),
    ),
  );
  const read = found.flatMap((one) => (one instanceof MissingFileError ? [] : [one]));
  const [missing] = found;
  if (read.length === 0 && missing instanceof MissingFileError) throw missing;
  return read;
}

class MissingFileError extends ConfigTextError {}

type ParsedKubeconfig = Awaited<ReturnType<typeof readFile>>;

async function readFile(file: string) {
  let content: string;
  try {
    content = await readSecretFile(file);
  } catch (error) {
    const code = errorCode(error);
    const reason = code || (error instanceof Error ? error.message : String(error));
    const Kind = code === 'ENOENT' ? MissingFileError : ConfigTextError;
    throw new Kind(file, [
      { line: 0, path: '', message: `the kubeconfig cannot be read: ${reason}` },
    ]);
  }
  const raw = parseYamlConfig(content, fileSchema, { file, maxLength: MAX_LENGTH });
  const entries = <T>(
    list: readonly { readonly key: string; readonly value: T }[],
    place: (index: number) => string,
  ): ReadonlyMap<string, Entry<T>> =>
    new Map(
      list
        .map(({ key, value }, index) => [key, { file, path: place(index), value }] as const)
        // Of a name that is there twice the first counts.
        .toReversed(),
    );
  const contexts = (raw.contexts ?? []).map(({ name: key, context }) => ({
    key,
    value: context ?? {},
  }));
  const clusters = (raw.clusters ?? []).map(({ name: key, cluster }) => ({
    key,
    value: cluster ?? {},
  }));
  const users = (raw.users ?? []).map(({ name: key, user }) => ({ key, value: user ?? {} }));
  return {
    file,
    current: raw['current-context'] ?? '',
    contexts: entries<Context>(contexts, (index) => `contexts[${index}].context`),
    clusters: entries<Cluster>(clusters, (index) => `clusters[${index}].cluster`),
    users: entries<User>(users, (index) => `users[${index}].user`),
  };
}

function pick<T>(
  file: string,
  kind: string,
  wanted: string,
  all: readonly ReadonlyMap<string, Entry<T>>[],
): Entry<T> {
  for (const entries of all) {
    const found = entries.get(wanted);
    if (found !== undefined) return found;
  }
  const names = all.flatMap((entries) => [...entries.keys()]).join(', ');
  return refuse(file, `${kind}s`, `there is no ${kind} ${wanted}; there are: ${names || 'none'}`);
}

function toEndpoint(cluster: Entry<Cluster>, user: Entry<User> | null): KubeEndpoint {
  const { server = '' } = cluster.value;
  const url = URL.parse(server);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    refuse(cluster.file, `${cluster.path}.server`, 'expected a URL such as https://10.0.0.1:6443');
  }
  if ((cluster.value['proxy-url'] ?? '') !== '') {
    refuse(cluster.file, `${cluster.path}.proxy-url`, 'no API server is asked through a proxy');
  }
  const isVerified = cluster.value['insecure-skip-tls-verify'] !== true;
  const cert = user === null ? null : source(user, 'client-certificate');
  const key = user === null ? null : source(user, 'client-key');
  if (user !== null && (cert === null) !== (key === null)) {
    refuse(user.file, user.path, 'a client certificate and its key are given together');
  }
  return {
    url: server.replace(/\/$/, ''),
    namespaceFile: null,
    http: {
      auth: user === null ? { kind: 'none' } : authOf(user),
      tls: {
        ca: source(cluster, 'certificate-authority'),
        cert,
        key,
        serverName: cluster.value['tls-server-name'] || null,
        isVerified,
        minVersion: null,
        maxVersion: null,
      },
      followsRedirects: false,
      headers: [],
    },
  };
}

/** What `kubectl` would do and this program does not. */
const NOT_DONE: Readonly<Record<string, string>> = {
  exec: 'no program is run for credentials; accepted are token, tokenFile, client-certificate with client-key, and username with password',
  'auth-provider':
    'no plugin is asked for credentials; accepted are token, tokenFile, client-certificate with client-key, and username with password',
  as: 'nobody is impersonated',
  'as-uid': 'nobody is impersonated',
  'as-groups': 'nobody is impersonated',
  'as-user-extra': 'nobody is impersonated',
};

function authOf(user: Entry<User>): HttpClientConfig['auth'] {
  const { value, file, path } = user;
  for (const [key, reason] of Object.entries(NOT_DONE)) {
    const said = Object.hasOwn(value, key) ? value[key] : null;
    const isNothing = said === null || said === '' || said === undefined;
    if (!isNothing) refuse(file, `${path}.${key}`, reason);
  }
  const { token = '', tokenFile = '', username = '', password = '' } = value;
  // A file is read again, and so goes before what was copied out of it.
  if (tokenFile !== '') return bearer({ kind: 'file', path: resolve(dirname(file), tokenFile) });
  if (token !== '') return bearer({ kind: 'value', secret: new Secret(token) });
  if (username === '' && password === '') return { kind: 'none' };
  return {
    kind: 'basic',
    username: { kind: 'value', secret: new Secret(username) },
    password: { kind: 'value', secret: new Secret(password) },
  };
}

function bearer(credentials: SecretSource): HttpClientConfig['auth'] {
  return { kind: 'header', scheme: 'Bearer', credentials };
}

type PemKey = 'certificate-authority' | 'client-certificate' | 'client-key';

/** What stands in the file itself goes before what it names. */
function source(
  { file, path, value }: Entry<Readonly<Record<string, unknown>>>,
  key: PemKey,
): SecretSource | null {
  const data = textOf(value[`${key}-data`]).replaceAll(/\s/g, '');
  if (data !== '') {
    const pem = Buffer.from(data, 'base64').toString('utf8');
    const isPem = /^[A-Za-z0-9+/]+=*$/.test(data) && pem.includes('-----BEGIN ');
    if (!isPem) refuse(file, `${path}.${key}-data`, 'expected PEM in base64');
    return { kind: 'value', secret: new Secret(pem) };
  }
  const named = textOf(value[key]);
  return named === '' ? null : { kind: 'file', path: resolve(dirname(file), named) };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function refuse(file: string, path: string, message: string): never {
  throw new ConfigTextError(file, [{ line: 0, path, message }]);
}
