import { formatFloat } from './format-float.ts';
import { GoDuration, GoTime } from './go-time.ts';
import { GoMap, GoMarked, GoSlice, GoStruct, type GoValue } from './go-value.ts';
import { quoteGo, quoteGoAscii } from './quote-go.ts';

/** Widths and precisions beyond this are refused by Go's fmt as well. */
const MAX_WIDTH = 1_000_000;

/** Go's name of a value's type. */
export function typeName(value: GoValue): string {
  if (value === null) return '<nil>';
  if (typeof value === 'string') return 'string';
  if (typeof value === 'number') return 'float64';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'boolean') return 'bool';
  if (value instanceof GoTime) return 'time.Time';
  if (value instanceof GoDuration) return 'time.Duration';
  if (value instanceof GoMarked) return `template.${value.mark}`;
  return value.type.isPointer === true ? `*${value.type.name}` : value.type.name;
}

/** A value as Go's `%v` prints it. */
export function printValue(value: GoValue): string {
  if (value === null) return '<nil>';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return formatFloat(value, 'g', -1);
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value instanceof GoTime || value instanceof GoDuration) return value.toString();
  if (value instanceof GoMarked) return value.text;
  if (value.type.toText !== undefined) return value.type.toText(value);
  if (value instanceof GoMap) {
    const pairs = value.sortedKeys.map((key) => `${key}:${printValue(value.entries.get(key)!)}`);
    return `map[${pairs.join(' ')}]`;
  }
  if (value instanceof GoSlice) return `[${value.items.map(printValue).join(' ')}]`;
  return `{${value.fields.map((field) => printValue(field.value)).join(' ')}}`;
}

/** Go's `fmt.Sprint`: a space between two operands of which neither is a string. */
export function sprint(values: readonly GoValue[]): string {
  let text = '';
  values.forEach((value, index) => {
    const isFirst = index === 0;
    if (!isFirst && typeof value !== 'string' && typeof values[index - 1] !== 'string') text += ' ';
    text += printValue(value);
  });
  return text;
}

/** Go's `fmt.Sprintln`. */
export function sprintln(values: readonly GoValue[]): string {
  return `${values.map(printValue).join(' ')}\n`;
}

interface Flags {
  minus: boolean;
  plus: boolean;
  sharp: boolean;
  space: boolean;
  zero: boolean;
  width: number;
  precision: number;
}

/**
 * Go's `fmt.Sprintf`, its `%!verb(type=value)` complaints included.
 * @param maxLength the longest result in UTF-16 units; beyond it the answer is null
 */
export function sprintf(
  format: string,
  values: readonly GoValue[],
  maxLength: number,
): string | null {
  let text = '';
  let argument = 0;
  let isReordered = false;
  let at = 0;
  while (at < format.length) {
    const percent = format.indexOf('%', at);
    if (percent === -1) {
      text += format.slice(at);
      break;
    }
    text += format.slice(at, percent);
    if (text.length > maxLength) return null;
    at = percent + 1;
    const flags: Flags = {
      minus: false,
      plus: false,
      sharp: false,
      space: false,
      zero: false,
      width: -1,
      precision: -1,
    };
    for (; at < format.length; at++) {
      const flag = format[at]!;
      if (flag === '-') flags.minus = true;
      else if (flag === '+') flags.plus = true;
      else if (flag === '#') flags.sharp = true;
      else if (flag === ' ') flags.space = true;
      else if (flag === '0') flags.zero = true;
      else break;
    }
    let badIndex = false;
    const takeIndex = (): void => {
      const match = /^\[([0-9]+)\]/.exec(format.slice(at, at + 12));
      if (match === null) {
        if (format[at] === '[') {
          badIndex = true;
          const close = format.indexOf(']', at);
          at = close === -1 ? at + 1 : close + 1;
        }
        return;
      }
      at += match[0].length;
      isReordered = true;
      const index = Number(match[1]) - 1;
      if (index < 0 || index >= values.length) badIndex = true;
      else argument = index;
    };
    const takeCount = (): { count: number; isBad: boolean } => {
      takeIndex();
      if (format[at] === '*') {
        at++;
        const value = values[argument++];
        const isFine = typeof value === 'bigint' && value <= MAX_WIDTH && value >= -MAX_WIDTH;
        return isFine ? { count: Number(value), isBad: false } : { count: -1, isBad: true };
      }
      const digits = /^[0-9]{1,7}/.exec(format.slice(at, at + 8))?.[0];
      if (digits === undefined) return { count: -1, isBad: false };
      at += digits.length;
      const count = Number(digits);
      return count > MAX_WIDTH ? { count: -1, isBad: false } : { count, isBad: false };
    };
    const width = takeCount();
    if (width.isBad) text += '%!(BADWIDTH)';
    if (width.count < -1) flags.minus = true;
    flags.width = width.count === -1 ? -1 : Math.abs(width.count);
    if (format[at] === '.') {
      at++;
      const precision = takeCount();
      if (precision.isBad) text += '%!(BADPREC)';
      flags.precision = precision.isBad || precision.count < -1 ? -1 : Math.max(precision.count, 0);
    }
    takeIndex();
    const verb = String.fromCodePoint(format.codePointAt(at) ?? 0);
    if (at >= format.length) {
      text += '%!(NOVERB)';
      break;
    }
    at += verb.length;
    if (flags.width > maxLength || flags.precision > maxLength) return null;
    if (verb === '%') text += '%';
    else if (badIndex) text += `%!${verb}(BADINDEX)`;
    else if (argument >= values.length) text += `%!${verb}(MISSING)`;
    else text += formatVerb(values[argument++]!, verb, flags);
    if (text.length > maxLength) return null;
  }
  if (!isReordered && argument < values.length) {
    const extra = values
      .slice(argument)
      .map((value) => (value === null ? '<nil>' : `${typeName(value)}=${printValue(value)}`));
    text += `%!(EXTRA ${extra.join(', ')})`;
  }
  return text.length > maxLength ? null : text;
}

function formatVerb(value: GoValue, verb: string, flags: Flags): string {
  if (verb === 'T') return pad(typeName(value), flags);
  if (value === null) return verb === 'v' ? pad('<nil>', flags) : `%!${verb}(<nil>)`;
  if (typeof value === 'string') return formatText(value, verb, flags) ?? complaint(value, verb);
  if (typeof value === 'number') {
    return formatNumber(value, verb, flags) ?? complaint(value, verb);
  }
  if (typeof value === 'bigint') {
    return formatInteger(value, verb, flags) ?? complaint(value, verb);
  }
  if (typeof value === 'boolean') {
    return verb === 't' || verb === 'v' ? pad(String(value), flags) : complaint(value, verb);
  }
  if (value instanceof GoDuration && !'vsq'.includes(verb)) {
    return formatInteger(value.nanoseconds, verb, flags) ?? complaint(value, verb);
  }
  const isText =
    value instanceof GoTime ||
    value instanceof GoDuration ||
    value instanceof GoMarked ||
    value.type.toText !== undefined;
  if (isText && 'vsqxX'.includes(verb)) return formatText(printValue(value), verb, flags)!;
  if (verb === 'v' && !flags.sharp) return pad(printValue(value), flags);
  // A verb reaches into what a map, slice or struct holds.
  if (value instanceof GoSlice) {
    return `[${value.items.map((item) => formatVerb(item, verb, flags)).join(' ')}]`;
  }
  if (value instanceof GoMap) {
    const pairs = value.sortedKeys.map((key) => {
      const element = formatVerb(value.entries.get(key)!, verb, flags);
      return `${formatVerb(key, verb, flags)}:${element}`;
    });
    return `map[${pairs.join(' ')}]`;
  }
  if (value instanceof GoStruct) {
    return `{${value.fields.map((field) => formatVerb(field.value, verb, flags)).join(' ')}}`;
  }
  return complaint(value, verb);
}

function complaint(value: GoValue, verb: string): string {
  return `%!${verb}(${typeName(value)}=${printValue(value)})`;
}

function pad(text: string, flags: Flags): string {
  const missing = flags.width - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.minus) return text + ' '.repeat(missing);
  return (flags.zero ? '0' : ' ').repeat(missing) + text;
}

/** Pads a number: zeros go between the sign and the digits. */
function padNumber(sign: string, digits: string, flags: Flags): string {
  const missing = flags.width - sign.length - digits.length;
  if (missing <= 0) return sign + digits;
  if (flags.minus) return sign + digits + ' '.repeat(missing);
  return flags.zero ? sign + '0'.repeat(missing) + digits : ' '.repeat(missing) + sign + digits;
}

function formatText(text: string, verb: string, flags: Flags): string | null {
  switch (verb) {
    case 'v':
      if (flags.sharp) return pad(quoteGo(text), flags);
      return pad(truncate(text, flags.precision), flags);
    case 's':
      return pad(truncate(text, flags.precision), flags);
    case 'q': {
      const cut = truncate(text, flags.precision);
      if (flags.sharp && !/[`\p{Cc}]/u.test(cut.replaceAll('\t', '')))
        return pad(`\`${cut}\``, flags);
      return pad(flags.plus ? quoteGoAscii(cut) : quoteGo(cut), flags);
    }
    case 'x':
    case 'X': {
      const bytes = Buffer.from(text, 'utf8');
      const limit = flags.precision < 0 ? bytes.length : Math.min(bytes.length, flags.precision);
      const prefix = flags.sharp ? '0x' : '';
      let hex = '';
      for (let i = 0; i < limit; i++) {
        if (i === 0 || flags.space) hex += i === 0 ? prefix : ` ${prefix}`;
        hex += bytes[i]!.toString(16).padStart(2, '0');
      }
      return pad(verb === 'X' ? hex.toUpperCase() : hex, flags);
    }
    default:
      return null;
  }
}

function truncate(text: string, precision: number): string {
  return precision < 0 ? text : Array.from(text).slice(0, precision).join('');
}

const RADIX: Readonly<Record<string, readonly [number, string]>> = {
  d: [10, ''],
  v: [10, ''],
  b: [2, '0b'],
  o: [8, '0'],
  O: [8, '0o'],
  x: [16, '0x'],
  X: [16, '0X'],
};

function formatInteger(value: bigint, verb: string, flags: Flags): string | null {
  const magnitude = value < 0n ? -value : value;
  if (Object.hasOwn(RADIX, verb)) {
    const [radix, prefix] = RADIX[verb]!;
    let digits = magnitude.toString(radix);
    if (verb === 'X') digits = digits.toUpperCase();
    if (flags.precision >= 0) digits = digits.padStart(flags.precision, '0');
    if (verb === 'O' || (flags.sharp && verb !== 'v')) digits = prefix + digits;
    const sign = value < 0n ? '-' : flags.plus ? '+' : flags.space ? ' ' : '';
    return padNumber(sign, digits, flags.precision >= 0 ? { ...flags, zero: false } : flags);
  }
  const isCharacter = value >= 0n && value <= 0x10ffffn;
  const code = isCharacter ? Number(value) : 0xfffd;
  const character = code >= 0xd800 && code <= 0xdfff ? '\ufffd' : String.fromCodePoint(code);
  switch (verb) {
    case 'c':
      return pad(character, flags);
    case 'q': {
      const quoted = flags.plus ? quoteGoAscii(character) : quoteGo(character);
      const inner = quoted.slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
      return pad(`'${inner}'`, flags);
    }
    case 'U': {
      const hex = `U+${magnitude.toString(16).toUpperCase().padStart(Math.max(flags.precision, 4), '0')}`;
      return pad(flags.sharp ? `${hex} '${character}'` : hex, { ...flags, zero: false });
    }
    case 'e':
    case 'f':
    case 'g':
      return null;
    default:
      return null;
  }
}

function formatNumber(value: number, verb: string, flags: Flags): string | null {
  let text: string;
  switch (verb) {
    case 'v':
      text = formatFloat(value, 'g', flags.precision);
      break;
    case 'e':
    case 'E':
      text = formatFloat(value, 'e', flags.precision < 0 ? 6 : flags.precision);
      break;
    case 'f':
    case 'F':
      text = formatFloat(value, 'f', flags.precision < 0 ? 6 : flags.precision);
      break;
    case 'g':
    case 'G':
      text = formatFloat(value, 'g', flags.precision);
      break;
    default:
      return null;
  }
  if (verb === 'E' || verb === 'G') text = text.replace('e', 'E');
  const isFinite = Number.isFinite(value);
  let sign = '';
  if (text.startsWith('-') || text.startsWith('+')) {
    sign = text[0]!;
    text = text.slice(1);
  }
  // Only +Inf keeps its plus without being asked.
  if (sign === '' && flags.plus) sign = '+';
  else if (sign === '' && flags.space) sign = ' ';
  return padNumber(sign, text, isFinite ? flags : { ...flags, zero: false });
}
