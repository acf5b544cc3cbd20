import { GoFunctionError } from './errors.ts';
import { GoDuration } from './go-time.ts';
import type { GoValue } from './go-value.ts';

/** A value as sprig's `toInt64` takes it: what is no number is 0. */
export function parseGoInt(value: GoValue): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number') return Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
  if (typeof value !== 'string') return value instanceof GoDuration ? value.nanoseconds : 0n;
  if (/^[+-]?\d{1,19}$/.test(value)) return BigInt(value.replace('+', ''));
  const float = parseGoFloat(value);
  return Number.isFinite(float) ? BigInt(Math.trunc(float)) : 0n;
}

/** A value as sprig's `toFloat64` takes it: what is no number is 0. */
export function parseGoFloat(value: GoValue): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value !== 'string') {
    return value instanceof GoDuration ? Number(value.nanoseconds) : 0;
  }
  if (!/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(value)) return 0;
  return Number(value);
}

const UNIT_SECONDS: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-9],
  ['us', 1e-6],
  ['µs', 1e-6],
  ['μs', 1e-6],
  ['ms', 1e-3],
  ['s', 1],
  ['m', 60],
  ['h', 3600],
]);

/** Go's `time.ParseDuration`. @returns seconds @throws GoFunctionError */
export function parseSeconds(text: string): number {
  if (text === '0') return 0;
  if (!/^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(text)) {
    throw new GoFunctionError(`time: invalid duration ${JSON.stringify(text)}`);
  }
  let seconds = 0;
  for (const [, digits = '', unit = ''] of text.matchAll(/(\d+(?:\.\d*)?|\.\d+)([a-zµμ]+)/g)) {
    seconds += Number(digits) * UNIT_SECONDS.get(unit)!;
  }
  return text.startsWith('-') ? -seconds : seconds;
}

/** Sizes as go-humanize reads them. @returns bytes @throws GoFunctionError */
export function parseHumanBytes(text: string): number {
  const match = /^(\d[\d,]*(?:\.\d*)?) ?([kmgtpe]?)(i?)b?$/i.exec(text.trim());
  if (match === null || (match[2] === '' && match[3] !== '')) {
    throw new GoFunctionError(`unhandled size name: ${JSON.stringify(text)}`);
  }
  const power = 'kmgtpe'.indexOf(match[2]!.toLowerCase());
  const unit = match[2] === '' ? 1 : (match[3] === '' ? 1000 : 1024) ** (power + 1);
  return Math.floor(Number(match[1]!.replaceAll(',', '')) * unit);
}
