import { GoFunctionError } from './errors.ts';
import { asDuration, asTime, GoDuration, GoTime, monthName, weekdayName } from './go-time.ts';
import { type GoMethod, type GoValue, type ParamType, STRING, stringArg } from './go-value.ts';
import { UTC } from './time-zone.ts';

export const TIME: ParamType = {
  name: 'time.Time',
  literal: 'none',
  isNullable: false,
  accepts: (value) => value instanceof GoTime,
};
const DURATION: ParamType = {
  name: 'time.Duration',
  literal: 'integer',
  isNullable: false,
  accepts: (value) => value instanceof GoDuration,
};

function timeArg(args: readonly GoValue[]): GoTime {
  const [time] = args;
  if (!(time instanceof GoTime)) throw new GoFunctionError('expected a time');
  return time;
}

function durationArg(args: readonly GoValue[]): bigint {
  const [duration] = args;
  if (duration instanceof GoDuration) return duration.nanoseconds;
  if (typeof duration === 'bigint') return duration;
  throw new GoFunctionError('expected a duration');
}

function onTime(
  params: readonly ParamType[],
  call: (time: GoTime, args: readonly GoValue[]) => GoValue,
): GoMethod {
  return { params, isVariadic: false, call: (self, args) => call(asTime(self), args) };
}

function onDuration(
  params: readonly ParamType[],
  call: (nanoseconds: bigint, args: readonly GoValue[]) => GoValue,
): GoMethod {
  return {
    params,
    isVariadic: false,
    call: (self, args) => call(asDuration(self).nanoseconds, args),
  };
}

/** Like Go's division of signed integers, towards zero. */
function floorTo(time: GoTime, nanoseconds: bigint): GoTime {
  if (nanoseconds <= 0n) return time;
  // Go rounds down from the zero time, which is a whole number of days before 1970.
  const sinceZero = time.epochNanoseconds - GoTime.ZERO.epochNanoseconds;
  return time.plus(-(sinceZero % nanoseconds));
}

const TIME_METHODS: ReadonlyMap<string, GoMethod> = new Map<string, GoMethod>([
  ['String', onTime([], (time) => time.toString())],
  ['Format', onTime([STRING], (time, args) => time.format(stringArg(args, 0)))],
  ['IsZero', onTime([], (time) => time.isZero)],
  ['Unix', onTime([], (time) => BigInt(time.epochSeconds))],
  ['UnixMilli', onTime([], (time) => BigInt(time.epochMs))],
  ['UnixMicro', onTime([], (time) => time.epochNanoseconds / 1_000n)],
  ['UnixNano', onTime([], (time) => BigInt.asIntN(64, time.epochNanoseconds))],
  ['UTC', onTime([], (time) => time.in(UTC))],
  ['Local', onTime([], (time) => time.in(UTC))],
  ['Year', onTime([], (time) => BigInt(time.civil().year))],
  ['Month', onTime([], (time) => monthName(time.civil().month))],
  ['Day', onTime([], (time) => BigInt(time.civil().day))],
  ['YearDay', onTime([], (time) => BigInt(time.civil().yearDay))],
  ['Weekday', onTime([], (time) => weekdayName(time.civil().weekday))],
  ['Hour', onTime([], (time) => BigInt(time.civil().hour))],
  ['Minute', onTime([], (time) => BigInt(time.civil().minute))],
  ['Second', onTime([], (time) => BigInt(time.civil().second))],
  ['Nanosecond', onTime([], (time) => BigInt(time.nanosecond))],
  [
    'Sub',
    onTime([TIME], (time, args) => {
      const difference = time.epochNanoseconds - timeArg(args).epochNanoseconds;
      const limit = 9_223_372_036_854_775_807n;
      return new GoDuration(
        difference > limit ? limit : difference < -limit - 1n ? -limit - 1n : difference,
      );
    }),
  ],
  ['Add', onTime([DURATION], (time, args) => time.plus(durationArg(args)))],
  ['Truncate', onTime([DURATION], (time, args) => floorTo(time, durationArg(args)))],
  [
    'Before',
    onTime([TIME], (time, args) => time.epochNanoseconds < timeArg(args).epochNanoseconds),
  ],
  ['After', onTime([TIME], (time, args) => time.epochNanoseconds > timeArg(args).epochNanoseconds)],
  [
    'Equal',
    onTime([TIME], (time, args) => time.epochNanoseconds === timeArg(args).epochNanoseconds),
  ],
]);

function inUnit(nanoseconds: bigint, unit: bigint): number {
  // Whole units and the rest apart, as Go does it, so that large durations lose nothing.
  return Number(nanoseconds / unit) + Number(nanoseconds % unit) / Number(unit);
}

const DURATION_METHODS: ReadonlyMap<string, GoMethod> = new Map<string, GoMethod>([
  ['String', onDuration([], (nanoseconds) => new GoDuration(nanoseconds).toString())],
  ['Hours', onDuration([], (nanoseconds) => inUnit(nanoseconds, 3_600_000_000_000n))],
  ['Minutes', onDuration([], (nanoseconds) => inUnit(nanoseconds, 60_000_000_000n))],
  ['Seconds', onDuration([], (nanoseconds) => inUnit(nanoseconds, 1_000_000_000n))],
  ['Milliseconds', onDuration([], (nanoseconds) => nanoseconds / 1_000_000n)],
  ['Microseconds', onDuration([], (nanoseconds) => nanoseconds / 1_000n)],
  ['Nanoseconds', onDuration([], (nanoseconds) => nanoseconds)],
  [
    'Abs',
    onDuration([], (nanoseconds) => new GoDuration(nanoseconds < 0n ? -nanoseconds : nanoseconds)),
  ],
  [
    'Truncate',
    onDuration([DURATION], (nanoseconds, args) => {
      const unit = durationArg(args);
      return new GoDuration(unit <= 0n ? nanoseconds : nanoseconds - (nanoseconds % unit));
    }),
  ],
  [
    'Round',
    onDuration([DURATION], (nanoseconds, args) => {
      const unit = durationArg(args);
      if (unit <= 0n) return new GoDuration(nanoseconds);
      const magnitude = nanoseconds < 0n ? -nanoseconds : nanoseconds;
      const rest = magnitude % unit;
      const rounded = rest + rest < unit ? magnitude - rest : magnitude + unit - rest;
      return new GoDuration(nanoseconds < 0n ? -rounded : rounded);
    }),
  ],
]);

/** A method of a time or a duration by its Go name. */
export function methodOf(value: GoTime | GoDuration, name: string): GoMethod | undefined {
  return value instanceof GoTime ? TIME_METHODS.get(name) : DURATION_METHODS.get(name);
}
