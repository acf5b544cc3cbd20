import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { errorCode, writeFileAtomically } from '#libs/node-files';
import {
  AppLogger,
  describeError,
  ReloadService,
  RUN_OPTIONS,
  type RunOptions,
  configFolder,
} from '#libs/platform';
import {
  readRuleObject,
  type RuleFile,
  type RuleObject,
  ruleObjectName,
  type RuleObjectOutcome,
  withinQuota,
} from '#libs/rules';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { ENGINE_CONFIG, type EngineConfig } from '../../config/engine-config.ts';
import { RuleObjectWatch } from './rule-object-watch.ts';
import { confinementOf, quotaOf } from './rule-objects-config.ts';
import { RuleObjectsMetrics } from './rule-objects.metrics.ts';

/** How long changes are gathered before rules are loaded anew. */
const GATHER_MS = 500;
const KEPT_FILE = 'rule-objects.json';
const MAX_KEPT_BYTES = 256 * 1024 * 1024;

const keptSchema = z.array(
  z.strictObject({
    kind: z.enum(['ConfigMap', 'PrometheusRule']),
    namespace: z.string(),
    name: z.string(),
    texts: z.array(z.tuple([z.string(), z.string()])),
  }),
);

interface Known {
  readonly version: string;
  readonly object: RuleObject;
  readonly outcome: RuleObjectOutcome;
}

/**
 * Rules that others keep in ConfigMaps and PrometheusRule objects. What was good is kept on disk, so that a start while the
 * API server is away forgets no rule and no alert; an object that has become bad keeps the rules that it had.
 */
@Injectable()
export class RuleObjects implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger: AppLogger;
  readonly #reloads: ReloadService<EngineConfig>;
  readonly #metrics: RuleObjectsMetrics;
  readonly #baseDir: string;
  readonly #keptFile: string;
  readonly #listeners = new Set<() => void>();
  /** The last version of each object that was good. */
  readonly #good = new Map<string, RuleObject>();
  #known: ReadonlyMap<string, Known> = new Map();
  #outcomes: readonly RuleObjectOutcome[] = [];
  #config: EngineConfig;
  #watch: RuleObjectWatch | null = null;
  #timer: NodeJS.Timeout | null = null;
  #kept = '';
  #keeping: Promise<void> = Promise.resolve();
  #isRunning = false;

  constructor(
    @Inject(ENGINE_CONFIG) config: EngineConfig,
    @Inject(RUN_OPTIONS) options: RunOptions,
    registry: Registry,
    logger: AppLogger,
    reloads: ReloadService<EngineConfig>,
  ) {
    this.#config = config;
    this.#logger = logger;
    this.#reloads = reloads;
    this.#metrics = new RuleObjectsMetrics(registry, () => this.places);
    this.#baseDir = configFolder(options);
    this.#keptFile = join(options.dataDir, KEPT_FILE);
  }

  get files(): readonly RuleFile[] {
    return this.#outcomes.flatMap(({ files }) => files);
  }

  /** Of all objects, by kind, namespace and name. */
  get outcomes(): readonly RuleObjectOutcome[] {
    return this.#outcomes;
  }

  /** What is watched; empty where nothing is. */
  get places(): RuleObjectWatch['places'] {
    return this.#watch?.places ?? [];
  }

  /** Calls `listener` whenever the rules may have changed. */
  listen(listener: () => void): void {
    this.#listeners.add(listener);
  }

  async onModuleInit(): Promise<void> {
    this.#reloads.register({
      name: 'rules.objects',
      prepare: async (config) => () => this.#apply(config),
    });
    if (this.#config.ruleObjectsEndpoint !== null) await this.#restore();
  }

  onApplicationBootstrap(): void {
    this.#isRunning = true;
    this.#start();
  }

  async onModuleDestroy(): Promise<void> {
    this.#isRunning = false;
    this.#listeners.clear();
    await this.#stop();
    await this.#keeping;
  }

  async #apply(config: EngineConfig): Promise<void> {
    const isSame = fingerprint(config) === fingerprint(this.#config);
    this.#config = config;
    if (isSame || !this.#isRunning) return;
    await this.#stop();
    // What they may do may have changed, whoever has them.
    this.#known = new Map();
    this.#make([...this.#good.values()].map((object) => ({ object, version: '' })));
    this.#start();
    this.#tell();
  }

  #start(): void {
    const endpoint = this.#config.ruleObjectsEndpoint;
    if (endpoint === null) return;
    this.#watch = new RuleObjectWatch({
      endpoint,
      config: this.#config.rules.objects,
      baseDir: this.#baseDir,
      logger: this.#logger,
      onChange: () => this.#gather(),
    });
    this.#watch.start();
  }

  async #stop(): Promise<void> {
    const watch = this.#watch;
    this.#watch = null;
    await watch?.stop();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #gather(): void {
    if (!this.#isRunning) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      // Until all is known, what was kept is the better knowledge.
      if (this.#watch?.isSynced !== true) return;
      this.#make([...this.#watch.objects()]);
      this.#keep();
      this.#tell();
    }, GATHER_MS);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #make(objects: readonly { readonly object: RuleObject; readonly version: string }[]): void {
    const config = this.#config.ruleObjectsEndpoint === null ? null : this.#config.rules.objects;
    const known = new Map<string, Known>();
    for (const { object, version } of config === null ? [] : objects) {
      const name = ruleObjectName(object);
      const before = this.#known.get(name);
      const isSame = before !== undefined && before.version === version && version !== '';
      known.set(name, isSame ? before : { object, version, outcome: this.#read(object) });
    }
    const before = this.#known;
    this.#known = known;
    for (const name of this.#good.keys()) if (!known.has(name)) this.#good.delete(name);
    const quota = quotaOf(this.#config.rules.objects);
    this.#outcomes = withinQuota(
      [...known.values()].map(({ outcome }) => outcome),
      quota,
    );
    this.#metrics.inForce(this.#outcomes);
    for (const outcome of this.#outcomes) {
      const name = ruleObjectName(outcome.object);
      if (outcome.refusal === null || before.get(name) === known.get(name)) continue;
      this.#metrics.refused(outcome);
      const hasOld = outcome.files.length > 0;
      this.#logger.warn('rules of an object are refused', {
        object: name,
        reason: outcome.refusal,
        inForce: hasOld ? 'its last good version' : 'nothing of it',
      });
    }
  }

  #read(object: RuleObject): RuleObjectOutcome {
    const confinement = confinementOf(this.#config.rules.objects, object.namespace);
    const name = ruleObjectName(object);
    const outcome = readRuleObject(object, confinement);
    if (outcome.refusal === null) {
      this.#good.set(name, object);
      return outcome;
    }
    const good = this.#good.get(name);
    if (good === undefined) return outcome;
    return { ...outcome, files: readRuleObject(good, confinement).files };
  }

  async #restore(): Promise<void> {
    try {
      const text = await readFile(this.#keptFile, 'utf8');
      if (text.length > MAX_KEPT_BYTES) throw new Error('the file is too large');
      const objects = keptSchema.parse(JSON.parse(text));
      this.#kept = text;
      this.#make(objects.map((object) => ({ object, version: '' })));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return;
      // They are read again as soon as the API server answers.
      this.#logger.warn('rules of objects kept on disk are unreadable', {
        error: describeError(error),
      });
    }
  }

  #keep(): void {
    const text = JSON.stringify([...this.#good.values()]);
    if (text === this.#kept) return;
    this.#kept = text;
    this.#keeping = this.#keeping
      .then(() => writeFileAtomically(this.#keptFile, text))
      .catch((error: unknown) => {
        this.#kept = '';
        this.#logger.warn('rules of objects are not kept on disk', { error: describeError(error) });
      });
  }
}

function fingerprint({ ruleObjectsEndpoint, rules }: EngineConfig): string {
  return JSON.stringify([ruleObjectsEndpoint, rules.objects]);
}
