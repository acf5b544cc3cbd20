/** The date and time that a wall clock shows. */
export interface LocalTime {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  /** Day of the month, from 1. */
  readonly day: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** Minutes since midnight. */
  readonly minute: number;
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MINUTE_MS = 60_000;

/** The wall clock of a place, daylight saving time included, from the time zone data of the runtime. */
export class LocalClock {
  readonly timeZone: string;
  readonly #format: Intl.DateTimeFormat;
  #lastMinute = Number.NaN;
  #last: LocalTime | null = null;

  /** @throws RangeError for a name that is not in the IANA database */
  constructor(timeZone: string) {
    this.timeZone = timeZone;
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      weekday: 'short',
      hour: 'numeric',
      minute: 'numeric',
    });
  }

  /** What the clock shows at an instant, in milliseconds since the epoch. */
  read(nowMs: number): LocalTime {
    // Formatting takes microseconds; the answer is the same for every group flushed within a minute.
    const minute = Math.floor(nowMs / MINUTE_MS);
    if (this.#last === null || minute !== this.#lastMinute) {
      this.#last = this.#readAnew(nowMs);
      this.#lastMinute = minute;
    }
    return this.#last;
  }

  #readAnew(nowMs: number): LocalTime {
    const parts = new Map<string, string>();
    for (const { type, value } of this.#format.formatToParts(nowMs)) parts.set(type, value);
    const number = (name: string) => Number(parts.get(name));
    return {
      year: number('year'),
      month: number('month'),
      day: number('day'),
      weekday: WEEKDAYS.indexOf(parts.get('weekday') ?? ''),
      minute: number('hour') * 60 + number('minute'),
    };
  }
}
