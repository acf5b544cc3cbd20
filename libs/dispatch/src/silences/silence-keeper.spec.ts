import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { parseAlertmanagerConfig } from '../config/parse-alertmanager-config.ts';
import { Dispatcher } from '../dispatcher.ts';
import { parseMatchers } from '../matchers/parse-matchers.ts';
import { type Silence, silenceState } from './silence.ts';
import { SilenceKeeper } from './silence-keeper.ts';

const NOW = Date.UTC(2026, 2, 27, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const RETENTION = 5 * DAY;

/** A dispatcher, its silences and what keeps them, without a disk. */
class Desk {
  readonly dispatcher = new Dispatcher(
    parseAlertmanagerConfig('route: {receiver: r}\nreceivers: [{name: r}]\n', 'c.yml'),
  );
  keeper = new SilenceKeeper(this.dispatcher.silences, this.dispatcher, RETENTION);
  nowMs = NOW;
  /** The alerts that the last silence was the first to hold back. */
  takenUp: readonly string[] = [];
  #ids = 0;

  fire(name: string, forMs = 100 * DAY): void {
    this.#accept(name, this.nowMs + forMs);
  }

  resolve(name: string): void {
    this.#accept(name, this.nowMs);
  }

  silence(matchers: string, annotations: Record<string, string>, endsInMs = HOUR, startsInMs = 0) {
    const posted = {
      id: null,
      matchers: parseMatchers(matchers),
      startsAtMs: this.nowMs + startsInMs,
      endsAtMs: this.nowMs + endsInMs,
      createdBy: 'alice',
      comment: 'upgrade',
      annotations: Labels.fromRecord(annotations),
    };
    const plan = this.keeper.planPut(posted, this.nowMs, `id-${this.#ids++}`);
    this.takenUp = this.keeper
      .takenUpBy(plan, this.nowMs)
      .map(({ labels }) => labels.get('alertname') ?? '');
    this.dispatcher.silences.commit(plan.changes);
    return plan.id;
  }

  /** Lets time pass and does what is due then. @returns when to come again, in milliseconds from now */
  pass(ms: number): number | null {
    this.nowMs += ms;
    const { changes, notices, wakeUpMs } = this.keeper.upkeep(
      this.nowMs,
      () => `id-${this.#ids++}`,
    );
    this.dispatcher.silences.commit(changes);
    this.dispatcher.accept(notices, this.nowMs);
    return wakeUpMs === null ? null : wakeUpMs - this.nowMs;
  }

  get silences(): Silence[] {
    return [...this.dispatcher.silences.all()];
  }

  stateOf(id: string) {
    return silenceState(this.dispatcher.silences.get(id)!, this.nowMs);
  }

  /** The notices that are out. */
  get notices() {
    return [...this.dispatcher.alerts()].filter(
      (alert) => alert.labels.get('alertname') === 'SilenceEnding' && alert.endsAtMs > this.nowMs,
    );
  }

  #accept(name: string, endsAtMs: number): void {
    const labels = Labels.fromRecord({ alertname: name, team: 'db' });
    const alert = {
      labels,
      annotations: Labels.EMPTY,
      startsAtMs: NOW - HOUR,
      endsAtMs,
      generatorUrl: '',
    };
    this.dispatcher.accept([alert], this.nowMs);
  }
}

describe('taking up', () => {
  it('is the first silence in force that an alert has, while it fires', () => {
    const desk = new Desk();
    desk.fire('a');
    desk.fire('b');
    desk.fire('c');
    desk.resolve('c');
    desk.silence('team="db"', {}, HOUR, MINUTE);
    expect(desk.takenUp).toEqual([]);
    desk.silence('alertname=~"[ac]"', {});
    expect(desk.takenUp).toEqual(['a']);
    desk.silence('team="db"', {});
    expect(desk.takenUp).toEqual(['b']);
    desk.silence('team="db"', {});
    expect(desk.takenUp).toEqual([]);
  });

  it('is not of a notice that a silence ends', () => {
    const desk = new Desk();
    desk.fire('a');
    desk.silence('alertname="a"', { binnacle_notice: '30m' });
    desk.pass(45 * MINUTE);
    expect(desk.notices).toHaveLength(1);
    desk.silence('alertname=~".+"', {});
    expect(desk.takenUp).toEqual([]);
  });
});

describe('an acknowledgement', () => {
  const ACK = { binnacle_ends_with_alerts: 'true' };

  it('ends when the last alert that it matches has ended', () => {
    const desk = new Desk();
    desk.fire('a');
    desk.fire('b');
    const id = desk.silence('team="db"', ACK);
    desk.pass(MINUTE);
    desk.resolve('a');
    desk.pass(MINUTE);
    expect(desk.stateOf(id)).toBe('active');
    desk.resolve('b');
    desk.pass(1);
    expect(desk.stateOf(id)).toBe('expired');
  });

  it('asks to be looked at when its alert ends by itself', () => {
    const desk = new Desk();
    desk.fire('a', 10 * MINUTE);
    const id = desk.silence('alertname="a"', ACK);
    expect(desk.pass(0)).toBe(10 * MINUTE);
    desk.pass(10 * MINUTE);
    expect(desk.stateOf(id)).toBe('expired');
  });

  it('ends at its time although its alert fires on', () => {
    const desk = new Desk();
    desk.fire('a');
    const id = desk.silence('alertname="a"', ACK);
    desk.pass(HOUR);
    expect(desk.stateOf(id)).toBe('expired');
  });

  it('is refused where nothing fires that it matches', () => {
    expect(() => new Desk().silence('alertname="a"', ACK)).toThrow(/no alert that fires matches/);
  });
});

describe('a recurring silence', () => {
  it('makes place for its next occurrence, and comes to an end', () => {
    const desk = new Desk();
    const annotations = {
      binnacle_repeats: 'daily',
      binnacle_repeats_in: 'Europe/Berlin',
      binnacle_repeats_until: '2026-03-30T00:00:00Z',
    };
    desk.silence('team="db"', annotations);
    // The clocks go forward in the night to the 29th.
    const starts = () => desk.silences.map(({ startsAtMs }) => (startsAtMs - NOW) / HOUR);
    expect(desk.pass(0)).toBe(15 * MINUTE);
    desk.pass(HOUR);
    expect(starts()).toEqual([0, 24]);
    expect(desk.silences.map((one) => silenceState(one, desk.nowMs))).toEqual([
      'expired',
      'pending',
    ]);
    desk.pass(24 * HOUR);
    expect(starts()).toEqual([0, 24, 47]);
    desk.pass(24 * HOUR);
    desk.pass(24 * HOUR);
    expect(starts()).toEqual([0, 24, 47]);
  });

  it('leaves out occurrences that nobody was there for', () => {
    const desk = new Desk();
    desk.silence('team="db"', { binnacle_repeats: 'weekly' });
    desk.pass(30 * DAY);
    expect(desk.silences.map(({ startsAtMs }) => (startsAtMs - NOW) / DAY)).toEqual([0, 35]);
    desk.pass(5 * DAY + MINUTE);
    expect(desk.silences.map(({ startsAtMs }) => (startsAtMs - NOW) / DAY)).toEqual([35]);
  });

  it.each([
    ['monday:friday', [0, 3, 4, 5]],
    ['saturday,Sunday', [0, 1, 2, 8]],
    ['monthly', [0, 31, 61, 92]],
  ])('comes on %s', (repeats, days) => {
    const starts = new Set<number>();
    const desk = new Desk();
    desk.silence('team="db"', { binnacle_repeats: repeats });
    for (let day = 0; starts.size < days.length; day++) {
      desk.pass(day === 0 ? HOUR : DAY);
      for (const { startsAtMs } of desk.silences) starts.add((startsAtMs - NOW) / DAY);
    }
    expect([...starts]).toEqual(days);
  });

  it('does not come again once somebody has ended it', () => {
    const desk = new Desk();
    const id = desk.silence('team="db"', { binnacle_repeats: 'daily' });
    desk.nowMs += MINUTE;
    desk.dispatcher.silences.commit(desk.dispatcher.silences.planExpiry(id, desk.nowMs));
    desk.pass(2 * DAY);
    expect(desk.silences).toHaveLength(1);
  });
});

describe('the notice of a silence’s end', () => {
  const NOTICE = { binnacle_notice: '10m' };

  it('is given while something still fires, by an alert with the labels of the silence', () => {
    const desk = new Desk();
    desk.fire('a');
    const id = desk.silence('team="db",alertname=~".+"', NOTICE);
    expect(desk.pass(0)).toBe(15 * MINUTE);
    desk.pass(49 * MINUTE);
    expect(desk.notices).toEqual([]);
    desk.pass(MINUTE);
    const [notice] = desk.notices;
    expect(notice!.labels.toRecord()).toEqual({
      alertname: 'SilenceEnding',
      team: 'db',
      binnacle_silence: id,
    });
    expect(notice!.annotations.get('summary')).toContain('ends at 2026-03-27T13:00:00Z');
    // The silence itself does not hold it back.
    expect(desk.dispatcher.statusOf(notice!, desk.nowMs).state).toBe('active');
    desk.pass(10 * MINUTE);
    expect(desk.notices).toEqual([]);
  });

  it('is given as soon as something begins to fire in that time', () => {
    const desk = new Desk();
    desk.silence('team="db"', NOTICE);
    desk.pass(55 * MINUTE);
    expect(desk.notices).toEqual([]);
    desk.fire('a');
    desk.pass(0);
    expect(desk.notices).toHaveLength(1);
  });

  it('is taken back when the silence is made longer, and given again', () => {
    const desk = new Desk();
    desk.fire('a');
    const id = desk.silence('team="db"', NOTICE);
    desk.pass(55 * MINUTE);
    const { silences } = desk.dispatcher;
    const silence = silences.get(id)!;
    silences.commit([{ id, silence: { ...silence, endsAtMs: silence.endsAtMs + HOUR } }]);
    desk.pass(0);
    expect(desk.notices).toEqual([]);
    desk.pass(55 * MINUTE);
    expect(desk.notices).toHaveLength(1);
  });

  it('is taken back when somebody ends the silence', () => {
    const desk = new Desk();
    desk.fire('a');
    const id = desk.silence('team="db"', NOTICE);
    desk.pass(55 * MINUTE);
    desk.dispatcher.silences.commit(desk.dispatcher.silences.planExpiry(id, desk.nowMs));
    desk.pass(0);
    expect(desk.notices).toEqual([]);
  });
});

describe('silences that have ended', () => {
  it('are kept for the retention and then removed', () => {
    const desk = new Desk();
    desk.silence('team="db"', {});
    desk.pass(RETENTION);
    expect(desk.silences).toHaveLength(1);
    desk.pass(HOUR);
    expect(desk.silences).toEqual([]);
  });
});
