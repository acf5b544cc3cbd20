import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import {
  AppLogger,
  describeError,
  HealthState,
  ReloadService,
  RUN_OPTIONS,
  type RunOptions,
  withSpan,
  configFolder,
} from '#libs/platform';
import {
  type AlertingEntry,
  ReactiveRules,
  type RuleFile,
  type RuleGroup,
  RuleManager,
} from '#libs/rules';
import { ENGINE_CONFIG, type EngineConfig } from '../config/engine-config.ts';
import { STORE, type Store } from '../store/store.ts';
import { StoredSamples } from '../store/stored-samples.ts';
import { RuleObjects } from './objects/rule-objects.ts';
import { ReactiveScheduler } from './reactive-scheduler.ts';
import { Datasources } from './datasources.ts';
import { findRuleFiles, readAllRuleFiles } from './read-rule-files.ts';
import { RuleMetrics } from './rule-metrics.ts';
import { RuleScheduler } from './rule-scheduler.ts';
import { StoredAlertStates } from './stored-alert-states.ts';
import { ruleSurroundings } from './rule-surroundings.ts';

const LOOK_AT_STORE_MS = 50;
const RESTORE_AGAIN_MS = 5_000;

/** Loads the rules, evaluates them when they are due, and takes new ones while it runs. */
@Injectable()
export class RulesRunner implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  readonly #manager: RuleManager;
  readonly #states: StoredAlertStates;
  readonly #metrics: RuleMetrics;
  readonly #store: Store;
  readonly #health: HealthState;
  readonly #logger: AppLogger;
  readonly #scheduler: RuleScheduler;
  readonly #reactive: ReactiveScheduler;
  readonly #runOptions: RunOptions;
  readonly #folder: string;
  readonly #datasources: Datasources;
  readonly #objects: RuleObjects;
  #config: EngineConfig;
  #files: readonly RuleFile[] = [];
  #loading: Promise<void> = Promise.resolve();
  #isStopped = false;
  #isStarted = false;

  constructor(
    manager: RuleManager,
    states: StoredAlertStates,
    metrics: RuleMetrics,
    health: HealthState,
    logger: AppLogger,
    reloads: ReloadService<EngineConfig>,
    stored: StoredSamples,
    datasources: Datasources,
    objects: RuleObjects,
    @Inject(STORE) store: Store,
    @Inject(ENGINE_CONFIG) config: EngineConfig,
    @Inject(RUN_OPTIONS) runOptions: RunOptions,
  ) {
    this.#manager = manager;
    this.#states = states;
    this.#metrics = metrics;
    this.#health = health;
    this.#logger = logger;
    this.#store = store;
    this.#config = config;
    this.#runOptions = runOptions;
    this.#folder = configFolder(runOptions);
    this.#datasources = datasources;
    this.#objects = objects;
    objects.listen(() => {
      if (this.#isStarted && !this.#isStopped) void this.#load();
    });
    this.#scheduler = new RuleScheduler({
      manager,
      nowMs: Date.now,
      evaluate: (group, slotMs) => this.#evaluate(group, slotMs),
    });
    this.#reactive = new ReactiveScheduler({
      rules: new ReactiveRules(),
      nowMs: Date.now,
      react: (group, entries, momentMs) => this.#react(group, entries, momentMs),
    });
    stored.subscribe((batch) => this.#reactive.stored(batch));
    health.set('rules', false, 'not loaded');
    reloads.register({
      name: 'rules',
      prepare: async (next) => {
        const files = await readAllRuleFiles(next, this.#folder);
        return () => this.#take(next, files);
      },
      watchedFiles: () => {
        const patterns = [
          ...this.#config.rule_files,
          ...this.#config.datasources.flatMap(({ ruleFiles }) => ruleFiles),
        ];
        return findRuleFiles({ patterns, folder: this.#folder });
      },
    });
  }

  /** A bad rule file ends the start here, before anything listens. */
  async onModuleInit(): Promise<void> {
    this.#files = await readAllRuleFiles(this.#config, this.#folder);
  }

  onApplicationBootstrap(): void {
    void this.#start();
  }

  async onModuleDestroy(): Promise<void> {
    this.#isStopped = true;
    this.#scheduler.stop();
    this.#reactive.stop();
    await this.#manager.stop();
    await this.#datasources.close();
  }

  /** Waits for the store: an expression evaluated before its log is replayed would find nothing. */
  async #start(): Promise<void> {
    this.#health.set('rules', false, 'waiting for the store');
    while (this.#store.unavailability()?.code === 'replaying') {
      await new Promise((proceed) => {
        setTimeout(proceed, LOOK_AT_STORE_MS);
      });
      if (this.#isStopped) return;
    }
    this.#health.set('rules', false, 'waiting for the state of alerts');
    if (!(await this.#restore())) return;
    this.#isStarted = true;
    await this.#load();
    this.#health.set('rules', true);
  }

  /** Brings back the alerts kept on disk, however long it takes to read them. @returns false once it is too late */
  async #restore(): Promise<boolean> {
    while (!this.#isStopped) {
      try {
        await this.#manager.restore();
        const { unreadable } = this.#states;
        if (unreadable > 0)
          this.#logger.error('alerts kept on disk are unreadable', { unreadable });
        return !this.#isStopped;
      } catch (error) {
        const detail = describeError(error);
        this.#health.set('rules', false, `the state of alerts cannot be read: ${detail}`);
        this.#logger.error('the state of alerts cannot be read', { error: detail });
        await new Promise((proceed) => {
          setTimeout(proceed, RESTORE_AGAIN_MS).unref();
        });
      }
    }
    return false;
  }

  async #take(config: EngineConfig, files: readonly RuleFile[]): Promise<void> {
    this.#config = config;
    this.#files = files;
    // Before the start is through, it is the start that loads.
    if (this.#isStarted && !this.#isStopped) await this.#load();
  }

  /** One load after the other: a reload may come while the start still loads. */
  #load(): Promise<void> {
    this.#loading = this.#loading.then(() => this.#loadNow());
    return this.#loading;
  }

  async #loadNow(): Promise<void> {
    const surroundings = {
      ...ruleSurroundings(this.#config, this.#runOptions),
      datasources: await this.#datasources.use(this.#config.datasources),
    };
    const files = [...this.#files, ...this.#objects.files];
    const report = await this.#manager.load(files, Date.now(), surroundings);
    await this.#datasources.closeGone();
    this.#scheduler.sync();
    this.#reactive.sync(this.#manager.groups);
    const { groups, rules, kept } = report;
    this.#logger.info('rules loaded', { files: files.length, groups, rules, kept });
    for (const warning of this.#files.flatMap((file) => file.warnings)) this.#logger.warn(warning);
    for (const problem of report.problems) {
      this.#logger.warn('rules that are gone could not be cleaned up', { problem });
    }
  }

  #react(
    group: RuleGroup,
    entries: ReadonlySet<AlertingEntry>,
    momentMs: number,
  ): Promise<boolean> {
    return withSpan('rules.reaction', { 'rules.group': group.key }, () =>
      group.react(entries, momentMs, Date.now()),
    );
  }

  async #evaluate(group: RuleGroup, slotMs: number): Promise<void> {
    const failed = group.rules.filter(({ health }) => health.health === 'err').length;
    await withSpan('rules.group', { 'rules.group': group.key }, () =>
      group.evaluate(slotMs, Date.now()),
    );
    this.#metrics.evaluated(group);
    this.#reactive.evaluated(group);
    const failing = group.rules.filter(({ health }) => health.health === 'err');
    const [first] = failing;
    if (first !== undefined && failing.length !== failed) {
      const { rule, health } = first;
      this.#logger.warn('rules fail', {
        group: group.key,
        count: failing.length,
        rule: rule.name,
        error: health.lastError,
      });
    }
  }
}
