import { dateFromDays } from '#libs/calendar';

/** A schedule that is not in cron's form. */
export class CronSyntaxError extends Error {
  override readonly name = 'CronSyntaxError';
}

interface Field {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly words: readonly string[];
}

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const DAYS = 'sun mon tue wed thu fri sat'.split(' ');
const FIELDS: readonly Field[] = [
  { name: 'minute', least: 0, most: 59, words: [] },
  { name: 'hour', least: 0, most: 23, words: [] },
  { name: 'day of month', least: 1, most: 31, words: [] },
  { name: 'month', least: 1, most: 12, words: MONTHS },
  { name: 'day of week', least: 0, most: 7, words: DAYS },
];

const SHORTHANDS: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
]);

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Cron repeats within 28 years; a schedule without a time in five (the 30th of February) has none. */
const MAX_DAYS = 5 * 366;

/** When a CronJob runs: cron's five fields, its `@` shorthands, `@every`, and a time zone. */
export class CronSchedule {
  /** Bit sets in the order of the fields. */
  readonly #fields: readonly bigint[];
  readonly #isAnyDayOfMonth: boolean;
  readonly #isAnyDayOfWeek: boolean;
  readonly #everyMs: number;
  readonly #zone: Intl.DateTimeFormat | null;

  /**
   * @param timeZone of the IANA database; '' for UTC
   * @throws CronSyntaxError
   */
  constructor(schedule: string, timeZone = '') {
    let written = schedule.trim();
    const prefix = /^(?:CRON_)?TZ=(\S+)\s+/.exec(written);
    if (prefix !== null) written = written.slice(prefix[0].length);
    this.#zone = zoneFormat(prefix?.[1] ?? timeZone);
    const every = /^@every\s+(\S+)$/.exec(written);
    this.#everyMs = every === null ? 0 : parseEvery(every[1]!);
    const parts = (SHORTHANDS.get(written) ?? written).split(/\s+/);
    if (every === null && parts.length !== 5) {
      throw new CronSyntaxError(`expected five fields, found ${parts.length}`);
    }
    const fields = every === null ? parts : ['*', '*', '*', '*', '*'];
    this.#fields = FIELDS.map((field, i) => parseField(field, fields[i]!));
    this.#isAnyDayOfMonth = /^[*?]/.test(fields[2]!);
    this.#isAnyDayOfWeek = /^[*?]/.test(fields[4]!);
  }

  /** The first time after `afterMs`, or null when there is none for years. */
  nextMs(afterMs: number): number | null {
    if (this.#everyMs > 0) {
      return Math.floor(afterMs / 1_000) * 1_000 + this.#everyMs;
    }
    // On the clock's face: days and minutes are looked for there, and only the result becomes a time.
    const faceMs = this.#toFace(afterMs);
    let dayMs = Math.floor(faceMs / DAY_MS) * DAY_MS;
    let fromMinute = Math.floor((faceMs - dayMs) / MINUTE_MS) + 1;
    for (let days = 0; days < MAX_DAYS; days++, dayMs += DAY_MS, fromMinute = 0) {
      if (!this.#hasDay(dayMs)) continue;
      for (let minute = fromMinute; minute < 1_440; minute++) {
        if (!this.#has(1, Math.floor(minute / 60)) || !this.#has(0, minute % 60)) continue;
        const timeMs = this.#fromFace(dayMs + minute * MINUTE_MS);
        // A time that the change to summer time leaves out comes back as another one; a repeated hour counts once.
        if (timeMs !== null && timeMs > afterMs) return timeMs;
      }
    }
    return null;
  }

  #has(field: number, value: number): boolean {
    return ((this.#fields[field]! >> BigInt(value)) & 1n) === 1n;
  }

  #hasDay(dayMs: number): boolean {
    const date = civil(dayMs);
    if (!this.#has(3, date.month)) return false;
    const isDayOfMonth = this.#has(2, date.day);
    const isDayOfWeek = this.#has(4, date.weekday) || (date.weekday === 0 && this.#has(4, 7));
    // Cron's oddity: where both are restricted, either is enough.
    return this.#isAnyDayOfMonth || this.#isAnyDayOfWeek
      ? isDayOfMonth && isDayOfWeek
      : isDayOfMonth || isDayOfWeek;
  }

  #toFace(timeMs: number): number {
    return timeMs + offsetMs(this.#zone, timeMs);
  }

  /** @returns null for a time that the zone's clock never shows */
  #fromFace(faceMs: number): number | null {
    for (const guess of [faceMs - DAY_MS, faceMs + DAY_MS]) {
      const timeMs = faceMs - offsetMs(this.#zone, guess);
      if (this.#toFace(timeMs) === faceMs) return timeMs;
    }
    return null;
  }
}

function civil(dayMs: number): { month: number; day: number; weekday: number } {
  const { month, day } = dateFromDays(dayMs / DAY_MS);
  // The epoch was a Thursday.
  const weekday = (((dayMs / DAY_MS + 4) % 7) + 7) % 7;
  return { month, day, weekday };
}

function parseField(field: Field, written: string): bigint {
  let bits = 0n;
  for (const part of written.toLowerCase().split(',')) {
    const match = /^(?:[*?]|([a-z]{3}|\d{1,2})(?:-([a-z]{3}|\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(
      part,
    );
    if (match === null) throw badField(field, part);
    const [, first, last, step] = match;
    const from = first === undefined ? field.least : number(field, first);
    // "5/15" is from 5 to the end.
    const upTo = last !== undefined ? number(field, last) : from;
    const to =
      first === undefined || (last === undefined && step !== undefined) ? field.most : upTo;
    const by = step === undefined ? 1 : Number(step);
    if (by === 0 || from > to || from < field.least || to > field.most) throw badField(field, part);
    for (let value = from; value <= to; value += by) bits |= 1n << BigInt(value);
  }
  return bits;
}

function number(field: Field, written: string): number {
  const word = field.words.indexOf(written);
  if (word !== -1) return word + field.least;
  if (!/^\d+$/.test(written)) throw badField(field, written);
  return Number(written);
}

function badField(field: Field, part: string): CronSyntaxError {
  const accepted = `${field.least} to ${field.most}, lists, ranges and steps`;
  return new CronSyntaxError(
    `${JSON.stringify(part)} is no ${field.name}; accepted are ${accepted}`,
  );
}

function parseEvery(written: string): number {
  if (!/^(?:\d+(?:\.\d+)?[hms])+$/.test(written)) {
    throw new CronSyntaxError(`${JSON.stringify(written)} is no duration such as 1h30m`);
  }
  let seconds = 0;
  for (const [, count, unit] of written.matchAll(/(\d+(?:\.\d+)?)([hms])/g)) {
    seconds += Number(count) * (unit === 'h' ? 3_600 : unit === 'm' ? 60 : 1);
  }
  return Math.max(1, Math.floor(seconds)) * 1_000;
}

/** Time zones whose formatter was made; they cost a megabyte a hundred, and a cluster uses a handful. */
const ZONES = new Map<string, Intl.DateTimeFormat>();

function zoneFormat(timeZone: string): Intl.DateTimeFormat | null {
  if (timeZone === '' || timeZone === 'UTC' || timeZone === 'local') return null;
  let format = ZONES.get(timeZone);
  if (format === undefined) {
    try {
      format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
    } catch (error) {
      throw new CronSyntaxError(`${JSON.stringify(timeZone)} is no time zone`, { cause: error });
    }
    if (ZONES.size < 1_000) ZONES.set(timeZone, format);
  }
  return format;
}

/** How far the zone's clock is ahead of UTC at a time. */
function offsetMs(zone: Intl.DateTimeFormat | null, timeMs: number): number {
  if (zone === null) return 0;
  const name = zone.formatToParts(timeMs).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const match = /^GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(name);
  if (match?.[1] === undefined) return 0;
  const seconds = (Number(match[2]) * 60 + Number(match[3])) * 60 + Number(match[4] ?? 0);
  return (match[1] === '-' ? -seconds : seconds) * 1_000;
}
