import { dateFromDays, daysFromDate } from '#libs/calendar';
import { GoFunctionError } from './errors.ts';
import { quoteGo } from './quote-go.ts';

/** The parts of a local time. */
export interface CivilTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** 1 to 366. */
  readonly yearDay: number;
  readonly offsetSeconds: number;
  readonly zoneName: string;
}

export const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const;
export const WEEKDAYS = [
  'Sunday',
  'Monday',
  'Tuesday',
  'Wednesday',
  'Thursday',
  'Friday',
  'Saturday',
] as const;

const ELEMENT =
  /January|Jan|Monday|Mon|MST|2006|Z070000|Z07:00:00|Z0700|Z07:00|Z07|-070000|-07:00:00|-0700|-07:00|-07|[.,]0+(?![0-9])|[.,]9+(?![0-9])|__2|_2006|_2|002|01|02|03|04|05|06|15|PM|pm|1|2|3|4|5/g;

/** Splits a layout into its elements and the text between them. */
function splitLayout(layout: string): { text: string; isElement: boolean }[] {
  const parts: { text: string; isElement: boolean }[] = [];
  let at = 0;
  ELEMENT.lastIndex = 0;
  for (;;) {
    const match = ELEMENT.exec(layout);
    if (match === null) break;
    let [element] = match;
    // "Jan" and "Mon" count only where no lower-case letter goes on ("Month" is text).
    if (element === 'Jan' && /[a-z]/.test(layout[match.index + 3] ?? '')) continue;
    if (element === 'Mon' && /[a-z]/.test(layout[match.index + 3] ?? '')) continue;
    let { index } = match;
    if (element === '_2006') {
      index++;
      element = '2006';
    }
    if (index > at) parts.push({ text: layout.slice(at, index), isElement: false });
    parts.push({ text: element, isElement: true });
    at = index + element.length;
    ELEMENT.lastIndex = at;
  }
  if (at < layout.length) parts.push({ text: layout.slice(at), isElement: false });
  return parts;
}

function pad(value: number, width: number, fill = '0'): string {
  const text = String(Math.abs(value)).padStart(width, fill);
  return value < 0 ? `-${text}` : text;
}

/** A time in one of Go's layouts (`2006-01-02T15:04:05Z07:00`). */
export function formatLayout(time: CivilTime, layout: string): string {
  return splitLayout(layout)
    .map(({ text, isElement }) => (isElement ? formatElement(time, text) : text))
    .join('');
}

function formatElement(time: CivilTime, element: string): string {
  const hour12 = time.hour % 12 === 0 ? 12 : time.hour % 12;
  switch (element) {
    case '2006':
      return pad(time.year, 4);
    case '06':
      return pad(((time.year % 100) + 100) % 100, 2);
    case '01':
      return pad(time.month, 2);
    case '1':
      return String(time.month);
    case 'Jan':
      return MONTHS[time.month - 1]!.slice(0, 3);
    case 'January':
      return MONTHS[time.month - 1]!;
    case '02':
      return pad(time.day, 2);
    case '_2':
      return pad(time.day, 2, ' ');
    case '2':
      return String(time.day);
    case '__2':
      return pad(time.yearDay, 3, ' ');
    case '002':
      return pad(time.yearDay, 3);
    case 'Mon':
      return WEEKDAYS[time.weekday]!.slice(0, 3);
    case 'Monday':
      return WEEKDAYS[time.weekday]!;
    case '15':
      return pad(time.hour, 2);
    case '03':
      return pad(hour12, 2);
    case '3':
      return String(hour12);
    case '04':
      return pad(time.minute, 2);
    case '4':
      return String(time.minute);
    case '05':
      return pad(time.second, 2);
    case '5':
      return String(time.second);
    case 'PM':
      return time.hour >= 12 ? 'PM' : 'AM';
    case 'pm':
      return time.hour >= 12 ? 'pm' : 'am';
    case 'MST':
      return time.zoneName === '' ? formatOffset(time.offsetSeconds, '-0700') : time.zoneName;
  }
  if (element.startsWith('Z') || element.startsWith('-')) {
    return formatOffset(time.offsetSeconds, element);
  }
  // A fraction: zeros are kept, nines are dropped where nothing follows.
  const digits = pad(time.nanosecond, 9).slice(0, element.length - 1);
  if (element[1] === '0') return element[0]! + digits;
  const trimmed = digits.replace(/0+$/, '');
  return trimmed === '' ? '' : element[0]! + trimmed;
}

function formatOffset(offsetSeconds: number, element: string): string {
  if (element.startsWith('Z') && offsetSeconds === 0) return 'Z';
  const shape = element.slice(1);
  const sign = offsetSeconds < 0 ? '-' : '+';
  const total = Math.abs(offsetSeconds);
  const hours = pad(Math.floor(total / 3_600), 2);
  const minutes = pad(Math.floor(total / 60) % 60, 2);
  const seconds = pad(total % 60, 2);
  switch (shape) {
    case '07':
      return sign + hours;
    case '0700':
      return sign + hours + minutes;
    case '07:00':
      return `${sign}${hours}:${minutes}`;
    case '070000':
      return sign + hours + minutes + seconds;
    default:
      return `${sign}${hours}:${minutes}:${seconds}`;
  }
}

/** What a text said about a time; what it left out has its default. */
export interface ParsedTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
  /** Null where the text names no offset: UTC. */
  readonly offsetSeconds: number | null;
}

/**
 * Reads a time in one of Go's layouts.
 * @throws GoFunctionError with Go's message
 */
export function parseLayout(layout: string, text: string): ParsedTime {
  const time = {
    year: 0,
    month: 1,
    day: 1,
    hour: 0,
    minute: 0,
    second: 0,
    nanosecond: 0,
    offsetSeconds: null as number | null,
  };
  let isAfternoon: boolean | null = null;
  let rest = text;
  const fail = (part: string, value: string, message = ''): never => {
    if (message !== '') throw new GoFunctionError(`parsing time ${quoteGo(text)}${message}`);
    throw new GoFunctionError(
      `parsing time ${quoteGo(text)} as ${quoteGo(layout)}: cannot parse ${quoteGo(value)} as ${quoteGo(part)}`,
    );
  };
  const take = (shape: RegExp, part: string): string => {
    const match = shape.exec(rest);
    if (match === null) return fail(part, rest);
    rest = rest.slice(match[0].length);
    return match[0];
  };
  const takeNumber = (shape: RegExp, part: string, max: number, what: string): number => {
    const value = Number(take(shape, part).trim());
    if (value > max) fail('', '', `: ${what} out of range`);
    return value;
  };
  /** The place in the list of the name that comes next, in any case, short where the layout's is. */
  const takeName = (list: readonly string[], part: string): number => {
    const names = list.map((name) => (part.length === 3 ? name.slice(0, 3) : name));
    const index = names.findIndex((name) => rest.toLowerCase().startsWith(name.toLowerCase()));
    if (index === -1) return fail(part, rest);
    rest = rest.slice(names[index]!.length);
    return index;
  };
  for (const { text: part, isElement } of splitLayout(layout)) {
    if (!isElement) {
      if (!rest.startsWith(part)) fail(part, rest);
      rest = rest.slice(part.length);
      continue;
    }
    switch (part) {
      case '2006':
        time.year = Number(take(/^[0-9]{4}/, part));
        break;
      case '06': {
        const year = Number(take(/^[0-9]{2}/, part));
        time.year = year >= 69 ? 1_900 + year : 2_000 + year;
        break;
      }
      case '01':
        time.month = takeNumber(/^[0-9]{2}/, part, 12, 'month');
        break;
      case '1':
        time.month = takeNumber(/^[0-9]{1,2}/, part, 12, 'month');
        break;
      case 'Jan':
      case 'January':
        time.month = takeName(MONTHS, part) + 1;
        break;
      case '02':
        time.day = takeNumber(/^[0-9]{2}/, part, 31, 'day');
        break;
      case '_2':
      case '2':
        time.day = takeNumber(/^ ?[0-9]{1,2}/, part, 31, 'day');
        break;
      case 'Mon':
      case 'Monday':
        takeName(WEEKDAYS, part);
        break;
      case '15':
        time.hour = takeNumber(/^[0-9]{2}/, part, 23, 'hour');
        break;
      case '03':
        time.hour = takeNumber(/^[0-9]{2}/, part, 12, 'hour');
        break;
      case '3':
        time.hour = takeNumber(/^[0-9]{1,2}/, part, 12, 'hour');
        break;
      case '04':
        time.minute = takeNumber(/^[0-9]{2}/, part, 59, 'minute');
        break;
      case '4':
        time.minute = takeNumber(/^[0-9]{1,2}/, part, 59, 'minute');
        break;
      case '05':
      case '5': {
        time.second = takeNumber(part === '05' ? /^[0-9]{2}/ : /^[0-9]{1,2}/, part, 59, 'second');
        // A fraction is taken after the seconds even where the layout has none.
        const fraction = /^[.,][0-9]+/.exec(rest);
        if (fraction !== null) {
          time.nanosecond = Number(fraction[0].slice(1, 10).padEnd(9, '0'));
          rest = rest.slice(fraction[0].length);
        }
        break;
      }
      case 'PM':
      case 'pm':
        isAfternoon = take(/^(?:AM|PM|am|pm)/, part).toUpperCase() === 'PM';
        break;
      case 'MST':
        take(/^(?:[A-Z]{3,4}|[+-][0-9]{2,4})/, part);
        time.offsetSeconds = 0;
        break;
      default:
        if (part.startsWith('Z') && rest.startsWith('Z')) {
          rest = rest.slice(1);
          time.offsetSeconds = 0;
        } else if (part.startsWith('Z') || part.startsWith('-')) {
          const digits = part.includes(':')
            ? /^[+-][0-9]{2}:[0-9]{2}/
            : /^[+-][0-9]{2}(?:[0-9]{2})?/;
          const offset = take(digits, part).replace(':', '');
          const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(3, 5));
          time.offsetSeconds = (offset.startsWith('-') ? -60 : 60) * minutes;
        } else if (rest.startsWith('.') || rest.startsWith(',')) {
          const fraction = take(/^[.,][0-9]+/, part);
          time.nanosecond = Number(fraction.slice(1, 10).padEnd(9, '0'));
        }
    }
  }
  if (rest !== '') fail('', '', `: extra text: ${quoteGo(rest)}`);
  if (isAfternoon === true && time.hour < 12) time.hour += 12;
  if (isAfternoon === false && time.hour === 12) time.hour = 0;
  const { month } = dateFromDays(daysFromDate(time.year, time.month, time.day));
  if (month !== time.month || time.day < 1) fail('', '', ': day out of range');
  return time;
}
