import {
  decodeDispatchRecord,
  decodeSilence,
  Dispatcher,
  type DispatchRecord,
  encodeDispatchRecord,
  encodeSilence,
  type Notification,
  parseAlertmanagerConfig,
  type PostedSilence,
  type Silence,
  type SilenceChange,
  SilenceKeeper,
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
import type { SilenceDesk } from './simulated-people.ts';
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
const SILENCE_RETENTION_MS = 24 * 3_600_000;

/** What of the alerting outlives the process: logs and silences, as their bytes are on the disk. */
export class AlertingDisk {
  readonly alertStates = new MemoryAlertStateStore();
  readonly dispatchLog: string[] = [];
  readonly silences = new Map<string, string>();
  #silenceCount = 0;

  /** An id that no silence has had. */
  newSilenceId(): string {
    return `silence-${this.#silenceCount++}`;
  }
}

/** The alerting of one process. */
export interface AlertingProcess extends SilenceDesk {
  /** What is in force or was. */
  silences(): readonly Silence[];
  /** The process is gone: nothing of it happens any more, but what it wrote stays. */
  kill(): void;
}

/**
 * Rules, dispatcher and delivery of one engine process in simulated time, with the loops that an app has around them.
 */
export function runAlerting(
  sim: Simulation,
  parts: {
    readonly store: TimeSeriesStore;
    readonly disk: AlertingDisk;
    readonly receiver: SimulatedReceiver;
  },
): AlertingProcess {
  const alerting = new SimulatedAlerting(sim, parts.store, parts.disk, parts.receiver);
  void alerting.start();
  return alerting;
}

class SimulatedAlerting implements AlertingProcess {
  readonly #sim: Simulation;
  readonly #store: TimeSeriesStore;
  readonly #disk: AlertingDisk;
  readonly #receiver: SimulatedReceiver;
  readonly #dispatcher = new Dispatcher(parseAlertmanagerConfig(ALERTMANAGER, 'simulator'));
  readonly #keeper = new SilenceKeeper(
    this.#dispatcher.silences,
    this.#dispatcher,
    SILENCE_RETENTION_MS,
  );
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
    this.#dispatcher.silences.commit(
      [...this.#disk.silences].map(([id, text]) => ({ id, silence: decodeSilence(text) })),
    );
    this.#dispatcher.restore(records, this.#sim.nowMs());
    await this.#rules.restore();
    const file = parseRuleFile(RULES, { file: 'shop.yml' });
    await this.#rules.load([file], this.#sim.nowMs());
    for (const group of this.#rules.groups) this.#schedule(group);
    this.#decide();
  }

  kill(): void {
    this.#isKilled = true;
  }

  silences(): readonly Silence[] {
    return [...this.#dispatcher.silences.all()];
  }

  async put(silence: PostedSilence): Promise<string> {
    const { id, changes } = this.#keeper.planPut(
      silence,
      this.#sim.nowMs(),
      this.#disk.newSilenceId(),
    );
    await this.#keepSilences(changes);
    this.#decide();
    return id;
  }

  async expire(id: string): Promise<void> {
    await this.#keepSilences(this.#dispatcher.silences.planExpiry(id, this.#sim.nowMs()));
    this.#decide();
  }

  /** They are in force as soon as the disk has them. */
  async #keepSilences(changes: readonly SilenceChange[]): Promise<void> {
    if (changes.length === 0) return;
    await this.#afterSync(() => {
      for (const { id, silence } of changes) {
        if (silence === null) this.#disk.silences.delete(id);
        else this.#disk.silences.set(id, encodeSilence(silence));
      }
      this.#dispatcher.silences.commit(changes);
    });
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
    const nowMs = this.#sim.nowMs();
    const upkeep = this.#keeper.upkeep(nowMs, () => this.#disk.newSilenceId());
    if (upkeep.changes.length > 0) {
      void this.#keepSilences(upkeep.changes).then(() => this.#decide());
    }
    const { records, withdrawn, notifications, wakeUpMs } = this.#dispatcher.decide(nowMs);
    const wakeUps = [wakeUpMs, upkeep.wakeUpMs].filter((time) => time !== null);
    if (wakeUps.length > 0) {
      this.#cancelWakeUp = this.#after(Math.min(...wakeUps) - nowMs, () => this.#decide());
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
