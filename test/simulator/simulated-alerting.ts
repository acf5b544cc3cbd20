import {
  Dispatcher,
  type DispatchRecord,
  decodeDispatchRecord,
  encodeDispatchRecord,
  type Notification,
  parseAlertmanagerConfig,
} from '#libs/dispatch';
import { Labels } from '#libs/labels';
import { QueryEngine } from '#libs/promql';
import {
  type AlertStateChange,
  DEFAULT_RULE_TIMING,
  MemoryAlertStateStore,
  nextSlotAfter,
  parseRuleFile,
  QueryEngineEvaluator,
  type RuleGroup,
  RuleManager,
  scheduleOf,
} from '#libs/rules';
import type { SampleBatch } from '#libs/samples';
import type { TimeSeriesStore } from '#libs/tsdb';
import type { SimulatedReceiver } from './simulated-receiver.ts';
import type { Simulation } from './simulation.ts';

const RULES = `
groups:
  - name: shop
    interval: 5s
    rules:
      - alert: ShopNotReady
        expr: shop_ready == 0
        for: 10s
        annotations:
          summary: '{{ $labels.instance }} is not ready'
`;

const ALERTMANAGER = `
route: {receiver: people, group_by: [alertname], group_wait: 1s, group_interval: 5s}
receivers: [{name: people, webhook_configs: [{url: 'http://people.example/'}]}]
`;

const RULE_INTERVAL_MS = 5_000;
const SYNC_MS = 2;
const ATTEMPT_MS = 20;
const RETRY_MS = 2_000;
const SETTLE_MS = 15_000;

/** What of the alerting outlives the process: both logs, as their bytes are on the disk. */
export class AlertingDisk {
  readonly alertStates = new MemoryAlertStateStore();
  readonly dispatchLog: string[] = [];
}

/**
 * Rules, dispatcher and delivery of one engine process in simulated time, with the loops that an app has around them.
 * @returns what ends them at a crash
 */
export function runAlerting(
  sim: Simulation,
  parts: {
    readonly store: TimeSeriesStore;
    readonly disk: AlertingDisk;
    readonly receiver: SimulatedReceiver;
  },
): () => void {
  const alerting = new SimulatedAlerting(sim, parts.store, parts.disk, parts.receiver);
  void alerting.start();
  return () => alerting.kill();
}

class SimulatedAlerting {
  readonly #sim: Simulation;
  readonly #store: TimeSeriesStore;
  readonly #disk: AlertingDisk;
  readonly #receiver: SimulatedReceiver;
  readonly #dispatcher = new Dispatcher(parseAlertmanagerConfig(ALERTMANAGER, 'simulator'));
  readonly #rules: RuleManager;
  readonly #withdrawn = new Set<string>();
  #isKilled = false;
  #cancelWakeUp: (() => void) | null = null;

  constructor(
    sim: Simulation,
    store: TimeSeriesStore,
    disk: AlertingDisk,
    receiver: SimulatedReceiver,
  ) {
    this.#sim = sim;
    this.#store = store;
    this.#disk = disk;
    this.#receiver = receiver;
    const engine = new QueryEngine({
      nowMs: sim.nowMs,
      yieldToLoop: async () => {},
      source: store,
    });
    this.#rules = new RuleManager({
      evaluator: new QueryEngineEvaluator(engine),
      sink: {
        append: async (batch: SampleBatch) => {
          this.#store.appendVolatile(batch);
        },
      },
      alertSink: {
        accept: (alerts, nowMs) => {
          if (this.#isKilled) return;
          this.#dispatcher.accept(alerts, nowMs);
          this.#decide();
        },
      },
      stateStore: {
        load: () => disk.alertStates.load(),
        save: (changes) => this.#afterSync(() => this.#saveStates(changes)),
      },
      externalLabels: Labels.EMPTY,
      externalUrl: 'http://engine.example',
      clockMs: sim.nowMs,
      yieldToLoop: async () => {},
      timing: { ...DEFAULT_RULE_TIMING, settleMs: SETTLE_MS },
    });
  }

  async start(): Promise<void> {
    const records: DispatchRecord[] = [];
    for (const line of this.#disk.dispatchLog) records.push(decodeDispatchRecord(line)!);
    this.#dispatcher.restore(records, this.#sim.nowMs());
    await this.#rules.restore();
    const file = parseRuleFile(RULES, { file: 'shop.yml' });
    await this.#rules.load([file], this.#sim.nowMs());
    for (const group of this.#rules.groups) this.#schedule(group);
    this.#decide();
  }

  /** The process is gone: nothing of it happens any more, but what it wrote stays. */
  kill(): void {
    this.#isKilled = true;
  }

  #schedule(group: RuleGroup): void {
    const schedule = scheduleOf(group.key, RULE_INTERVAL_MS);
    const slotMs = nextSlotAfter(schedule, this.#sim.nowMs());
    this.#after(slotMs - this.#sim.nowMs(), () => {
      void group.evaluate(slotMs, this.#sim.nowMs());
      this.#schedule(group);
    });
  }

  #decide(): void {
    if (this.#isKilled) return;
    this.#cancelWakeUp?.();
    const { records, withdrawn, notifications, wakeUpMs } = this.#dispatcher.decide(
      this.#sim.nowMs(),
    );
    if (wakeUpMs !== null) {
      this.#cancelWakeUp = this.#after(wakeUpMs - this.#sim.nowMs(), () => this.#decide());
    }
    const lines = records.map(encodeDispatchRecord);
    void this.#afterSync(() => {
      this.#disk.dispatchLog.push(...lines);
      for (const id of withdrawn) this.#withdrawn.add(id);
      for (const notification of notifications) this.#attempt(notification);
    });
  }

  #attempt(notification: Notification): void {
    this.#after(ATTEMPT_MS, () => {
      if (this.#withdrawn.has(notification.id)) return;
      const delivery = this.#receiver.receive(notification);
      if (delivery === 'delivered') {
        this.#dispatcher.settle(notification.id, 'delivered', this.#sim.nowMs());
        this.#decide();
      } else {
        this.#after(RETRY_MS, () => this.#attempt(notification));
      }
    });
  }

  #saveStates(changes: readonly AlertStateChange[]): void {
    for (const change of changes) this.#disk.alertStates.apply(change);
  }

  /** What is written counts once the disk has it; a crash before that takes it away. */
  #afterSync(write: () => void): Promise<void> {
    return new Promise((resolve) => {
      this.#after(SYNC_MS, () => {
        write();
        resolve();
      });
    });
  }

  #after(delayMs: number, run: () => void): () => void {
    return this.#sim.after(delayMs, () => {
      if (!this.#isKilled) run();
    });
  }
}
