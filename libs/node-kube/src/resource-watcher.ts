import {
  type KubeObject,
  KubeObjectError,
  type KubeResource,
  LIST_WATCH_DEFAULTS,
  ListWatch,
  type ListWatchOptions,
  type ListWatchStep,
  type ObjectSink,
  parseWatchEvent,
  WatchLineTooLongError,
} from '#libs/kube';
import type { KubeClient, KubeSelection } from './kube-client.ts';
import { KubeRequestError } from './kube-request-error.ts';

/** What a watcher tells whoever counts and logs. */
export interface WatchObserver {
  listed(result: 'success' | 'error'): void;
  watched(result: 'success' | 'error'): void;
  /** `put`, `delete`, `bookmark` or `error`. */
  event(kind: string): void;
  /** An object that could not be read was left out. */
  badObject(error: KubeObjectError): void;
  relisted(): void;
  failed(error: Error): void;
  /** Once a list is complete. */
  synced(): void;
}

export interface ResourceWatcherOptions<T extends KubeObject> {
  readonly client: KubeClient;
  readonly resource: KubeResource<T>;
  /** '' for all namespaces. */
  readonly namespace: string;
  readonly fieldSelector: string;
  readonly labelSelector: string;
  readonly cache: ObjectSink<T>;
  readonly observer: WatchObserver;
  readonly random: () => number;
  readonly nowMs: () => number;
  /** Where somebody else has stopped; see {@link ListWatchOptions}. */
  readonly resumeFrom?: string;
  readonly listWatch?: ListWatchOptions;
}

/** Keeps a cache in line with one resource of the API server, until it is stopped. */
export class ResourceWatcher<T extends KubeObject> {
  readonly #options: ResourceWatcherOptions<T>;
  readonly #selection: KubeSelection;
  readonly #listWatch: ListWatch;
  readonly #abort = new AbortController();
  #running: Promise<void> | null = null;

  constructor(options: ResourceWatcherOptions<T>) {
    const { resource, namespace, fieldSelector, labelSelector, random, listWatch } = options;
    const { resumeFrom = '' } = options;
    this.#options = options;
    const within =
      namespace === '' || !resource.isNamespaced
        ? ''
        : `/namespaces/${encodeURIComponent(namespace)}`;
    this.#selection = {
      path: `${resource.api}${within}/${resource.plural}`,
      fieldSelector,
      labelSelector,
    };
    this.#listWatch = new ListWatch(
      random,
      listWatch ?? { ...LIST_WATCH_DEFAULTS, isCached: fieldSelector !== '', resumeFrom },
    );
  }

  /** The version up to which everything has been told, '' before the first list is complete. */
  get resourceVersion(): string {
    return this.#listWatch.resourceVersion;
  }

  /** Starting twice is harmless. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the watch; the cache stays as it is. Stopping twice, or before starting, is harmless. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const step = this.#listWatch.next(this.#options.nowMs());
      try {
        if (step.kind === 'wait') await this.#wait(step.untilMs, signal);
        else if (step.kind === 'list') await this.#list(step, signal);
        else await this.#watch(step, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(step.kind, error);
      }
    }
  }

  #failed(kind: ListWatchStep['kind'], error: unknown): void {
    const { observer, nowMs } = this.#options;
    const isExpected =
      error instanceof KubeRequestError ||
      error instanceof KubeObjectError ||
      error instanceof WatchLineTooLongError;
    if (!isExpected) throw error;
    const { status, retryAfterMs } =
      error instanceof KubeRequestError ? error : { status: 0, retryAfterMs: null };
    const relists = this.#listWatch.relists;
    this.#listWatch.failed(nowMs(), { status, retryAfterMs });
    if (kind === 'list') observer.listed('error');
    else observer.watched('error');
    if (this.#listWatch.relists > relists) observer.relisted();
    else observer.failed(error);
  }

  async #list(step: Extract<ListWatchStep, { kind: 'list' }>, signal: AbortSignal): Promise<void> {
    const { client, cache, observer } = this.#options;
    if (step.continueToken === '') cache.beginList(step.isExact ? step.resourceVersion : '');
    const take = (item: unknown): void => {
      if (cache.isKnown?.(item) !== true) this.#take(item, (object) => cache.put(object));
    };
    const page = await client.list(this.#selection, step, take, signal);
    observer.listed('success');
    if (!this.#listWatch.listed(page)) return;
    cache.endList();
    observer.synced();
  }

  async #watch(
    step: Extract<ListWatchStep, { kind: 'watch' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, observer, nowMs } = this.#options;
    const startedMs = nowMs();
    let events = 0;
    const onLines = (lines: readonly string[]): void => {
      events += lines.length;
      for (const line of lines) this.#event(line);
    };
    await client.watch(this.#selection, step, onLines, signal);
    observer.watched('success');
    this.#listWatch.watchEnded(nowMs(), nowMs() - startedMs, events);
  }

  /** @throws KubeRequestError for a Status in the stream: the watch is over */
  #event(line: string): void {
    const { cache, observer } = this.#options;
    const event = parseWatchEvent(line);
    observer.event(event.kind);
    switch (event.kind) {
      case 'bookmark':
        this.#listWatch.advanced(event.resourceVersion);
        break;
      case 'put':
        this.#take(event.object, (object) => cache.put(object));
        break;
      case 'delete':
        this.#take(event.object, (object) => cache.delete(object));
        break;
      case 'error': {
        const { code, message, retryAfterMs } = event.status;
        throw new KubeRequestError(`the watch ended: ${message.slice(0, 500)}`, code, retryAfterMs);
      }
    }
  }

  #take(item: unknown, use: (object: T) => void): void {
    const { resource, observer } = this.#options;
    try {
      const object = resource.decode(item);
      use(object);
      if (this.#listWatch.isWatching) this.#listWatch.advanced(object.metadata.resourceVersion);
    } catch (error) {
      if (!(error instanceof KubeObjectError)) throw error;
      observer.badObject(error);
    }
  }

  async #wait(untilMs: number, signal: AbortSignal): Promise<void> {
    const delayMs = Math.max(1, untilMs - this.#options.nowMs());
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, delayMs);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
