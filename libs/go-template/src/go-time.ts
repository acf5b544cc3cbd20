import { dateFromDays, daysFromDate } from '#libs/calendar';
import { assert } from '#libs/invariant';
import { type CivilTime, formatLayout, MONTHS, parseLayout, WEEKDAYS } from './time-layout.ts';
import { fixedZone, type TimeZone, UTC } from './time-zone.ts';

const ZERO_SECONDS = -62_135_596_800;

/** Go's `time.Time`: a moment to the nanosecond, shown in a zone. */
export class GoTime {
  readonly epochSeconds: number;
  /** 0 to 999,999,999. */
  readonly nanosecond: number;
  readonly zone: TimeZone;

  constructor(epochSeconds: number, nanosecond: number, zone: TimeZone = UTC) {
    this.epochSeconds = epochSeconds;
    this.nanosecond = nanosecond;
    this.zone = zone;
  }

  /** The zero time, 0001-01-01 00:00:00 UTC. */
  static readonly ZERO = new GoTime(ZERO_SECONDS, 0);

  /** @param timeMs milliseconds since the epoch; the fraction is dropped */
  static fromMs(timeMs: number): GoTime {
    const whole = Math.trunc(timeMs);
    const seconds = Math.floor(whole / 1_000);
    return new GoTime(seconds, (whole - seconds * 1_000) * 1_000_000);
  }

  /**
   * Reads a time in a Go layout.
   * @throws GoFunctionError
   */
  static parse(layout: string, text: string): GoTime {
    const parts = parseLayout(layout, text);
    const days = daysFromDate(parts.year, parts.month, parts.day);
    const local = days * 86_400 + parts.hour * 3_600 + parts.minute * 60 + parts.second;
    const offset = parts.offsetSeconds ?? 0;
    return new GoTime(local - offset, parts.nanosecond, fixedZone(offset));
  }

  get isZero(): boolean {
    return this.epochSeconds === ZERO_SECONDS && this.nanosecond === 0;
  }

  get epochMs(): number {
    return this.epochSeconds * 1_000 + Math.floor(this.nanosecond / 1_000_000);
  }

  get epochNanoseconds(): bigint {
    return BigInt(this.epochSeconds) * 1_000_000_000n + BigInt(this.nanosecond);
  }

  /** The same moment shown in another zone. */
  in(zone: TimeZone): GoTime {
    return new GoTime(this.epochSeconds, this.nanosecond, zone);
  }

  /** A moment this much later. */
  plus(nanoseconds: bigint): GoTime {
    const sum = this.epochNanoseconds + nanoseconds;
    const rest = ((sum % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    return new GoTime(Number((sum - rest) / 1_000_000_000n), Number(rest), this.zone);
  }

  /** The parts as a clock in the time's zone shows them. */
  civil(): CivilTime {
    const { offsetSeconds, name } = this.zone.at(this.epochSeconds);
    const local = this.epochSeconds + offsetSeconds;
    const days = Math.floor(local / 86_400);
    const { year, month, day } = dateFromDays(days);
    const second = local - days * 86_400;
    return {
      year,
      month,
      day,
      hour: Math.floor(second / 3_600),
      minute: Math.floor(second / 60) % 60,
      second: second % 60,
      nanosecond: this.nanosecond,
      weekday: (((days + 4) % 7) + 7) % 7,
      yearDay: days - daysFromDate(year, 1, 1) + 1,
      offsetSeconds,
      zoneName: name,
    };
  }

  format(layout: string): string {
    return formatLayout(this.civil(), layout);
  }

  toString(): string {
    return this.format('2006-01-02 15:04:05.999999999 -0700 MST');
  }
}

/** A value whose parameter or receiver type says that it is a time. */
export function asTime(value: unknown): GoTime {
  assert(value instanceof GoTime, 'not a time');
  return value;
}

/** A value whose parameter or receiver type says that it is a duration. */
export function asDuration(value: unknown): GoDuration {
  assert(value instanceof GoDuration, 'not a duration');
  return value;
}

/** The name of a month, 1 to 12, and of a weekday, 0 for Sunday. */
export function monthName(month: number): string {
  return MONTHS[month - 1]!;
}
export function weekdayName(weekday: number): string {
  return WEEKDAYS[weekday]!;
}

/** Go's `time.Duration`, a 64-bit count of nanoseconds. */
export class GoDuration {
  readonly nanoseconds: bigint;
  constructor(nanoseconds: bigint) {
    this.nanoseconds = BigInt.asIntN(64, nanoseconds);
  }

  /** As Go prints it: `1h2m3.5s`, `1.5ms`, `0s`. */
  toString(): string {
    const total = this.nanoseconds < 0n ? -this.nanoseconds : this.nanoseconds;
    if (total === 0n) return '0s';
    const sign = this.nanoseconds < 0n ? '-' : '';
    if (total < 1_000n) return `${sign}${total}ns`;
    if (total < 1_000_000n) return `${sign}${withFraction(total, 3)}µs`;
    if (total < 1_000_000_000n) return `${sign}${withFraction(total, 6)}ms`;
    const minutes = total / 60_000_000_000n;
    const seconds = withFraction(total % 60_000_000_000n, 9);
    if (minutes === 0n) return `${sign}${seconds}s`;
    const hours = minutes / 60n;
    return hours === 0n
      ? `${sign}${minutes}m${seconds}s`
      : `${sign}${hours}h${minutes % 60n}m${seconds}s`;
  }
}

function withFraction(value: bigint, digits: number): string {
  const text = value.toString().padStart(digits + 1, '0');
  const fraction = text.slice(-digits).replace(/0+$/, '');
  const whole = text.slice(0, -digits);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
