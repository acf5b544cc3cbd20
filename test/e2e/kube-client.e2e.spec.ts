import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ObjectOf, ObjectCache, RESOURCES } from '#libs/kube';
import {
  inClusterEndpoint,
  KUBE_CLIENT_DEFAULTS,
  KubeClient,
  type KubeClientOptions,
  readKubeconfig,
  ResourceWatcher,
  watchability,
} from '#libs/node-kube';
import { KubeApiServer } from '../kube/api-server.ts';
import { podObject } from '../kube/kube-objects.ts';

type Pod = ObjectOf<'pods'>;

let server: KubeApiServer;
let url: string;
let dir: string;
const ends: (() => Promise<void>)[] = [];

beforeEach(async () => {
  server = new KubeApiServer();
  url = await server.listen();
  dir = await mkdtemp(join(tmpdir(), 'kube-'));
  await writeFile(join(dir, 'token'), 'first\n');
  server.token = 'first';
});

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await server.close();
  await rm(dir, { recursive: true });
});

function newClient(more: Partial<KubeClientOptions> = {}): KubeClient {
  const inCluster = inClusterEndpoint({ KUBERNETES_SERVICE_HOST: '127.0.0.1' }, dir)!;
  const { tls } = inCluster.http;
  const client = new KubeClient({
    endpoint: { ...inCluster, url, http: { ...inCluster.http, tls: { ...tls, ca: null } } },
    baseDir: '/',
    userAgent: 'test',
    nowMs: Date.now,
    ...KUBE_CLIENT_DEFAULTS,
    ...more,
  });
  ends.push(() => client.close());
  return client;
}

it('an API server is reached as a kubeconfig has it', async () => {
  server.put(podObject('a', { node: 'n1', ip: '10.0.0.1', port: 80 }));
  const file = join(dir, 'config');
  const kubeconfig = {
    clusters: [{ name: 'c', cluster: { server: url } }],
    users: [{ name: 'u', user: { tokenFile: 'token' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(file, JSON.stringify(kubeconfig));
  const { endpoint } = await readKubeconfig([file], null);
  const answer = await watchability(
    newClient({ endpoint }),
    RESOURCES.pods,
    '',
    AbortSignal.timeout(60_000),
  );
  expect(answer).toBe('watchable');
  await writeFile(join(dir, 'token'), 'wrong');
  await expect(
    watchability(newClient({ endpoint }), RESOURCES.pods, '', AbortSignal.timeout(60_000)),
  ).resolves.not.toBe('watchable');
});

/** A watcher of pods and what it has told. */
function watchPods(
  options: {
    readonly client?: Partial<KubeClientOptions>;
    readonly fieldSelector?: string;
    readonly pageSize?: number;
  } = {},
) {
  const cache = new ObjectCache<Pod>({ maxObjects: 1_000 });
  const told: string[] = [];
  const failures: string[] = [];
  const watcher = new ResourceWatcher({
    client: newClient(options.client),
    resource: RESOURCES.pods,
    namespace: '',
    fieldSelector: options.fieldSelector ?? '',
    labelSelector: '',
    cache,
    random: () => 0,
    nowMs: Date.now,
    listWatch: {
      pageSize: options.pageSize ?? 500,
      watchSeconds: 60,
      minBackoffMs: 5,
      maxBackoffMs: 20,
      isCached: (options.fieldSelector ?? '') !== '',
    },
    observer: {
      listed: (result) => told.push(`list ${result}`),
      watched: (result) => told.push(`watch ${result}`),
      event: (kind) => told.push(kind),
      badObject: (error) => told.push(`bad: ${error.message}`),
      relisted: () => told.push('relisted'),
      failed: (error) => failures.push(error.message),
      synced: () => told.push('synced'),
    },
  });
  watcher.start();
  ends.push(() => watcher.stop());
  const names = () => [...cache.values()].map(({ metadata }) => metadata.name).toSorted();
  return { cache, told, failures, names };
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 90_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('waited in vain');
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}

const watching = (count = 1) => until(() => server.watches('pods') === count);

describe('a watcher of a resource', () => {
  it('lists in pages, follows changes and deletions, and reads its token again', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) server.put(podObject(name));
    const { names, told } = watchPods({ pageSize: 2 });
    await watching();
    expect(names()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(told.filter((what) => what === 'list success')).toHaveLength(3);
    server.put(podObject('f'));
    server.delete(podObject('a'));
    await until(() => names().join('') === 'bcdef');
    // A token that was exchanged on disk is the one that is sent from then on.
    await writeFile(join(dir, 'token'), 'second\n');
    server.token = 'second';
    server.breakWatches();
    server.put(podObject('g'));
    await until(() => names().join('') === 'bcdefg');
    expect(told).not.toContain('list error');
  });

  it('hears once of a thing, and goes on where a broken watch left off', async () => {
    const { told, names } = watchPods();
    await watching();
    server.put(podObject('a'));
    await until(() => names().length === 1);
    server.breakWatches();
    server.put(podObject('b'));
    await until(() => names().length === 2);
    expect(told.filter((what) => what === 'put')).toHaveLength(2);
    expect(told.filter((what) => what === 'list success')).toHaveLength(1);
  });

  it('lists anew when its version is gone, and drops what was deleted meanwhile', async () => {
    server.put(podObject('a'));
    server.put(podObject('b'));
    // A watch that was asked for while nobody answers is given up after this.
    const { told, names, failures } = watchPods({ client: { timeoutMs: 1_000 } });
    await watching();
    server.faults.hangs = true;
    server.breakWatches();
    await watching(0);
    server.delete(podObject('a'));
    server.put(podObject('c'));
    server.store.compact();
    await until(() => failures.some((message) => message.includes('no answer to a watch')));
    server.faults.hangs = false;
    await until(() => names().join('') === 'bc');
    expect(told).toContain('relisted');
  }, 60_000);

  it('moves on with bookmarks, so that a quiet resource survives a compaction', async () => {
    server.faults.bookmarkMs = 10;
    const { told, names } = watchPods();
    await watching();
    server.store.put('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } });
    server.store.compact();
    const before = told.length;
    await until(() => told.slice(before).filter((what) => what === 'bookmark').length > 2);
    server.breakWatches();
    server.put(podObject('a'));
    await until(() => names().length === 1);
    expect(told).not.toContain('relisted');
  });

  it('sees only what the field selector lets through, as it comes and goes', async () => {
    server.put(podObject('other', { node: 'n2' }));
    const { names } = watchPods({ fieldSelector: 'spec.nodeName=n1' });
    await watching();
    expect(names()).toEqual([]);
    server.put(podObject('mine'));
    server.put(podObject('mine', { node: 'n1' }));
    await until(() => names().length === 1);
    server.put(podObject('mine', { node: 'n2' }));
    await until(() => names().length === 0);
  });

  it('begins again with the first page when its token has expired', async () => {
    for (const name of ['a', 'b', 'c']) server.put(podObject(name));
    server.faults.expiresTokens = true;
    const { told, names } = watchPods({ pageSize: 2 });
    await until(() => told.includes('relisted'));
    server.faults.expiresTokens = false;
    await watching();
    expect(names()).toEqual(['a', 'b', 'c']);
  });

  it.each([
    [429, 'the API server answered 429'],
    [500, 'the API server answered 500'],
    [503, 'the API server answered 503'],
  ])('tries again after %d', async (status, message) => {
    server.put(podObject('a'));
    server.faults.refusals = { count: 3, status, retryAfterSeconds: 0 };
    const { names, failures } = watchPods();
    await watching();
    expect(names()).toEqual(['a']);
    expect(failures).toHaveLength(3);
    expect(failures[0]).toContain(message);
  });

  it('is told how long a server that is busy wants it to wait', async () => {
    server.faults.refusals = { count: 1, status: 429, retryAfterSeconds: 7 };
    const selection = { path: '/api/v1/pods', fieldSelector: '', labelSelector: '' };
    const page = { limit: 1, continueToken: '', resourceVersion: '' };
    const signal = AbortSignal.timeout(60_000);
    const listed = newClient().list(selection, page, () => {}, signal);
    await expect(listed).rejects.toMatchObject({ status: 429, retryAfterMs: 7_000 });
  });

  it('understands events however they are cut', async () => {
    server.faults.chunkBytes = 7;
    const { names } = watchPods();
    await watching();
    server.put(podObject('ä', { labels: { team: 'öü€' } }));
    await until(() => names().length > 0);
    expect(names()).toEqual(['ä']);
  });

  it('leaves out an object it cannot read, and keeps the others', async () => {
    const bad = { ...podObject('bad'), spec: { containers: 'none' } };
    server.put(bad);
    server.put(podObject('good'));
    const { names, told } = watchPods();
    await watching();
    expect(names()).toEqual(['good']);
    expect(told).toContain('bad: spec.containers: expected a list, got string');
  });

  it('gives up a watch that falls silent', async () => {
    const { names, failures } = watchPods({ client: { silenceMs: 100 } });
    server.faults.bookmarkMs = 20;
    await watching();
    // A busy machine may be silent for as long without being told to.
    const before = failures.length;
    server.faults.isSilent = true;
    server.put(podObject('a'));
    await until(() =>
      failures.slice(before).some((message) => message.includes('the watch fell silent')),
    );
    server.faults.isSilent = false;
    // One that began meanwhile was told nothing of what it had missed.
    server.breakWatches();
    await until(() => names().length > 0);
    expect(names()).toEqual(['a']);
  });

  it.each([
    ['not JSON', 'no JSON'],
    ['{"type":"WHAT"}', 'unknown type'],
  ])('starts the watch over when it says %j', async (line, message) => {
    const { names, failures } = watchPods();
    await watching();
    server.faults.line = line;
    server.put(podObject('a'));
    await until(() => failures.some((failure) => failure.includes(message)));
    server.faults.line = null;
    await until(() => names().length > 0);
    expect(names()).toEqual(['a']);
  });

  it('takes no answer of 50 MB that is no list', async () => {
    server.put(podObject('a'));
    server.faults.listBytes = 50_000_000;
    const { names, failures } = watchPods();
    await until(() => failures.length > 0);
    expect(failures[0]).toContain('more than 262144 bytes around the objects of a list');
    server.faults.listBytes = 0;
    await until(() => names().length === 1);
  });

  it('takes a list of 50 MB at once, object by object, and none that is larger than it may be', async () => {
    const annotations = { note: 'x'.repeat(100_000) };
    for (let i = 0; i < 500; i++) server.put(podObject(`pod-${i}`, { annotations }));
    const { names, failures, told } = watchPods({ fieldSelector: 'status.phase=Pending' });
    await until(() => told.includes('synced'));
    expect(names().length).toBe(500);
    expect(failures).toEqual([]);
    expect(told.filter((what) => what === 'list success').length).toBe(1);
    const bounded = watchPods({ client: { maxListBytes: 1_000_000 } });
    await until(() => bounded.failures.length > 0);
    expect(bounded.failures[0]).toBe('a list of more than 1000000 bytes');
  });

  it('waits for a server that says nothing no longer than it should', async () => {
    server.put(podObject('a'));
    server.faults.hangs = true;
    const { names, failures } = watchPods({ client: { timeoutMs: 50 } });
    await until(() => failures.length > 0);
    expect(failures[0]).toBe('no complete answer within 50 ms');
    server.faults.hangs = false;
    await until(() => names().length === 1);
  });

  it('stops while it waits, while it watches, and twice', async () => {
    const { told } = watchPods();
    await watching();
    for (const end of ends.toReversed()) await end();
    await watching(0);
    expect(told).not.toContain('watch error');
  });
});

const leaseBody = (resourceVersion?: string, holder = 'a') => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {
    name: 'l',
    namespace: 'ns',
    ...(resourceVersion !== undefined && { resourceVersion }),
  },
  spec: { holderIdentity: holder },
});

describe('the lease', () => {
  const { signal } = new AbortController();
  it('is read, created, and updated by one of two', async () => {
    const client = newClient();
    expect(await client.getLease('ns', 'l', signal)).toBeNull();
    const created = await client.writeLease(
      'ns',
      'l',
      { kind: 'create', body: leaseBody() },
      signal,
    );
    const { resourceVersion } = created.metadata;
    const update = { kind: 'update', body: leaseBody(resourceVersion, 'b') } as const;
    const updated = await client.writeLease('ns', 'l', update, signal);
    expect(updated.spec.holderIdentity).toBe('b');
    await expect(client.writeLease('ns', 'l', update, signal)).rejects.toMatchObject({
      status: 409,
    });
  });

  it('is refused without a token or the right, with what the server said', async () => {
    server.allows = ({ verb }) => verb !== 'create';
    const client = newClient();
    const create = { kind: 'create', body: leaseBody() } as const;
    await expect(client.writeLease('ns', 'l', create, signal)).rejects.toMatchObject({
      status: 403,
      message: 'the API server answered 403: leases is forbidden: cannot create',
    });
    server.token = 'other';
    await expect(client.getLease('ns', 'l', signal)).rejects.toMatchObject({ status: 401 });
  });
});
