import { Labels } from '#libs/labels';
import { parseAlertmanagerConfig } from '../src/config/parse-alertmanager-config.ts';
import type { Decision } from '../src/decision.ts';
import { Dispatcher } from '../src/dispatcher.ts';
import { parseMatchers } from '../src/matchers/parse-matchers.ts';
import { integrationKey, type Notification } from '../src/notification.ts';
import { type DispatchRecord, readDispatchRecords } from '../src/notification-log.ts';
import { type SilenceChange, SilenceError } from '../src/silences/silence.ts';
import { decodeSilence, encodeSilence } from '../src/silences/silence-codec.ts';
import { SilenceKeeper } from '../src/silences/silence-keeper.ts';
import { SILENCE_TERMS } from '../src/silences/silence-terms.ts';

/** What becomes of a message. `lost`: it arrived, but the process ended before it knew. `unknown`: still on its way. */
export type Fate = 'delivered' | 'abandoned' | 'unknown' | 'lost';

export interface TimelineOptions {
  readonly config: string;
  /**
   * Steps such as `0 fire a`, `90 resolve a`, `100 restart`, `120 silence a`, `200 unsilence`, `210 ack a`, and `300 down 60`, after
   * which a new process starts at 360.
   */
  readonly steps: readonly string[];
  readonly untilSeconds: number;
  readonly fateOf?: (notification: Notification, atSeconds: number) => Fate;
  readonly reloads?: Readonly<Record<string, string>>;
}

export interface Sent {
  readonly atSeconds: number;
  readonly notification: Notification;
  readonly fate: Fate;
}

const START_MS = 1_800_000_000_000;
const DAY_MS = 86_400_000;

/**
 * Runs a dispatcher through simulated time, with a log that goes through its text form and comes back at a restart.
 * Alerts are named `a` or `a/x`, which is the alert `a` with the label `g="x"`.
 */
export class Timeline {
  readonly sent: Sent[] = [];
  /** What the store holds. */
  readonly kept = new Map<string, string>();
  readonly records: DispatchRecord[] = [];
  #options: TimelineOptions;
  #config: string;
  #dispatcher: Dispatcher;
  #keeper: SilenceKeeper;
  readonly #keptSilences = new Map<string, string>();
  #silenceCount = 1;
  #nowMs = START_MS;
  #wakeUpMs: number | null = null;

  constructor(options: TimelineOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#dispatcher = this.#create();
    this.#keeper = new SilenceKeeper(this.#dispatcher.silences, this.#dispatcher, DAY_MS);
  }

  get dispatcher(): Dispatcher {
    return this.#dispatcher;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  run(): this {
    for (const step of this.#options.steps) {
      const [seconds = '', verb = '', ...names] = step.split(' ');
      this.#advance(START_MS + Number(seconds) * 1_000);
      this.#take(verb, names);
      this.#turn();
    }
    this.#advance(START_MS + this.#options.untilSeconds * 1_000);
    return this;
  }

  /** What was sent, one line each: `30 first notification +a -b`. */
  lines(): string[] {
    return this.sent.map(({ atSeconds, notification }) => {
      const alerts = notification.alerts.map(
        (alert) => `${alert.status === 'firing' ? '+' : '-'}${alert.labels.get('alertname')}`,
      );
      return `${atSeconds} ${notification.reason} ${alerts.join(' ')}`;
    });
  }

  /** As `lines`, with the integration in front. */
  linesByIntegration(): string[] {
    const lines = this.lines();
    return this.sent.map(
      ({ notification }, i) => `${integrationKey(notification.integration)} ${lines[i]!}`,
    );
  }

  /** Ends the process and starts another on what the log holds. */
  restart(): void {
    this.#dispatcher = this.#create();
    this.#dispatcher.silences.commit(
      [...this.#keptSilences].map(([id, text]) => ({ id, silence: decodeSilence(text) })),
    );
    this.#keeper = new SilenceKeeper(this.#dispatcher.silences, this.#dispatcher, DAY_MS);
    this.#dispatcher.restore(readDispatchRecords(this.kept.values()).records, this.#nowMs);
  }

  /** Silences are kept before they count, as an app does it. */
  #commit(changes: readonly SilenceChange[]): void {
    for (const { id, silence } of changes) {
      if (silence === null) this.#keptSilences.delete(id);
      else this.#keptSilences.set(id, encodeSilence(silence));
    }
    this.#dispatcher.silences.commit(changes);
  }

  #silence(names: readonly string[], isAck: boolean): void {
    const posted = {
      id: null,
      matchers: parseMatchers(`alertname=~"${names.join('|')}"`),
      startsAtMs: this.#nowMs,
      endsAtMs: this.#nowMs + DAY_MS,
      createdBy: 'someone',
      comment: 'for a test',
      annotations: Labels.fromRecord(isAck ? { [SILENCE_TERMS.endsWithAlerts]: 'true' } : {}),
    };
    try {
      this.#commit(this.#keeper.planPut(posted, this.#nowMs, this.#newId()).changes);
    } catch (error) {
      // There is nothing to acknowledge.
      if (!(error instanceof SilenceError)) throw error;
    }
  }

  #newId(): string {
    return `silence-${this.#silenceCount++}`;
  }

  /** One turn of the loop that an app has around the dispatcher. */
  #turn(): void {
    const upkeep = this.#keeper.upkeep(this.#nowMs, () => this.#newId());
    this.#commit(upkeep.changes);
    this.#dispatcher.accept(upkeep.notices, this.#nowMs);
    const decision = this.#dispatcher.decide(this.#nowMs);
    const wakeUps = [decision.wakeUpMs, upkeep.wakeUpMs].filter((time) => time !== null);
    this.#act({ ...decision, wakeUpMs: wakeUps.length === 0 ? null : Math.min(...wakeUps) });
  }

  #create(): Dispatcher {
    return new Dispatcher(parseAlertmanagerConfig(this.#config, 'alertmanager.yml'));
  }

  #take(verb: string, names: readonly string[]): void {
    switch (verb) {
      case 'fire':
      case 'heartbeat':
      case 'resolve':
        this.#dispatcher.accept(
          names.map((name) => this.#incoming(verb, name)),
          this.#nowMs,
        );
        break;
      case 'restart':
        this.restart();
        break;
      case 'down':
        this.#nowMs += Number(names[0]) * 1_000;
        this.restart();
        break;
      case 'silence':
      case 'ack':
        this.#silence(names, verb === 'ack');
        break;
      case 'unsilence':
        for (const { id } of this.#dispatcher.silences.all()) {
          this.#commit(this.#dispatcher.silences.planExpiry(id, this.#nowMs));
        }
        break;
      case 'reload':
        this.#config = this.#options.reloads![names[0]!]!;
        this.#dispatcher.setConfig(
          parseAlertmanagerConfig(this.#config, 'alertmanager.yml'),
          this.#nowMs,
        );
        break;
      default:
        throw new Error(`unknown step ${verb}`);
    }
  }

  #incoming(verb: string, name: string) {
    const [alertname = '', g = ''] = name.split('/');
    const nowMs = this.#nowMs;
    return {
      labels: Labels.fromRecord({ alertname, g }),
      annotations: Labels.EMPTY,
      startsAtMs: verb === 'fire' ? nowMs : null,
      endsAtMs: verb === 'fire' ? nowMs + 30 * DAY_MS : verb === 'resolve' ? nowMs : null,
      generatorUrl: '',
    };
  }

  #advance(untilMs: number): void {
    // After a step that took time, the next one may already be over.
    if (untilMs < this.#nowMs) return;
    while (this.#wakeUpMs !== null && this.#wakeUpMs <= untilMs) {
      this.#nowMs = Math.max(this.#wakeUpMs, this.#nowMs);
      this.#turn();
    }
    this.#nowMs = untilMs;
  }

  #act(decision: Decision): void {
    this.records.push(...decision.records);
    for (const { key, value } of this.#dispatcher.keyedChanges(decision.records)) {
      if (value === null) this.kept.delete(key);
      else this.kept.set(key, value);
    }
    this.#wakeUpMs = decision.wakeUpMs;
    const atSeconds = (this.#nowMs - START_MS) / 1_000;
    const fates = decision.notifications.map(
      (notification) => this.#options.fateOf?.(notification, atSeconds) ?? 'delivered',
    );
    // A process that dies takes with it what it knew of the others.
    const isKilled = fates.includes('lost');
    for (const [i, notification] of decision.notifications.entries()) {
      const fate = isKilled && fates[i] === 'delivered' ? 'lost' : fates[i]!;
      this.sent.push({ atSeconds, notification, fate });
      if (fate === 'lost' || fate === 'unknown') continue;
      this.#dispatcher.settle(notification.id, fate, this.#nowMs);
    }
    if (isKilled) this.restart();
    if (decision.notifications.length > 0) this.#turn();
  }
}
