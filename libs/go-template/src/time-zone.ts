import { GoFunctionError } from './errors.ts';

/** A time zone: an IANA name, `UTC`, or a fixed offset that came with a parsed time. */
export interface TimeZone {
  readonly name: string;
  /** Seconds east of UTC at a moment, and the abbreviation in use then. */
  readonly at: (epochSeconds: number) => { readonly offsetSeconds: number; readonly name: string };
}

export const UTC: TimeZone = { name: 'UTC', at: () => ({ offsetSeconds: 0, name: 'UTC' }) };

/** A zone without a name, as a time parsed with an offset has it. */
export function fixedZone(offsetSeconds: number): TimeZone {
  return offsetSeconds === 0 ? UTC : { name: '', at: () => ({ offsetSeconds, name: '' }) };
}

/**
 * What the zones of a region call their standard and summer time. The runtime knows every zone's offsets but gives most
 * abbreviations as "GMT+1"; these are the ones of the IANA database that people meet in messages.
 */
const ABBREVIATIONS: readonly (readonly [string, string, readonly string[]])[] = [
  ['GMT', 'BST', ['Europe/London', 'Europe/Belfast', 'Europe/Jersey', 'Europe/Guernsey', 'GB']],
  ['GMT', 'IST', ['Europe/Dublin']],
  ['WET', 'WEST', ['Europe/Lisbon', 'Atlantic/Madeira', 'Atlantic/Canary', 'Atlantic/Faroe']],
  [
    'CET',
    'CEST',
    (
      'Amsterdam Andorra Belgrade Berlin Bratislava Brussels Budapest Busingen Copenhagen Gibraltar Ljubljana ' +
      'Luxembourg Madrid Malta Monaco Oslo Paris Podgorica Prague Rome San_Marino Sarajevo Skopje Stockholm Tirane ' +
      'Vaduz Vatican Vienna Warsaw Zagreb Zurich'
    )
      .split(' ')
      .map((city) => `Europe/${city}`),
  ],
  [
    'EET',
    'EEST',
    'Athens Bucharest Chisinau Helsinki Kiev Kyiv Mariehamn Riga Sofia Tallinn Vilnius'
      .split(' ')
      .map((city) => `Europe/${city}`),
  ],
  ['EET', 'EET', ['Europe/Kaliningrad', 'Africa/Tripoli']],
  ['MSK', 'MSK', ['Europe/Moscow', 'Europe/Simferopol']],
  ['EET', 'EEST', ['Africa/Cairo', 'Asia/Beirut', 'Asia/Nicosia']],
  ['IST', 'IDT', ['Asia/Jerusalem', 'Asia/Tel_Aviv']],
  ['IST', 'IST', ['Asia/Kolkata', 'Asia/Calcutta']],
  ['PKT', 'PKT', ['Asia/Karachi']],
  ['CST', 'CST', ['Asia/Shanghai', 'Asia/Taipei', 'Asia/Macau', 'PRC']],
  ['HKT', 'HKT', ['Asia/Hong_Kong']],
  ['JST', 'JST', ['Asia/Tokyo', 'Japan']],
  ['KST', 'KST', ['Asia/Seoul']],
  ['PST', 'PST', ['Asia/Manila']],
  ['WIB', 'WIB', ['Asia/Jakarta']],
  ['SAST', 'SAST', ['Africa/Johannesburg']],
  ['WAT', 'WAT', ['Africa/Lagos']],
  ['EAT', 'EAT', ['Africa/Nairobi']],
  ['AEST', 'AEDT', ['Australia/Sydney', 'Australia/Melbourne', 'Australia/Hobart']],
  ['AEST', 'AEST', ['Australia/Brisbane']],
  ['ACST', 'ACDT', ['Australia/Adelaide']],
  ['ACST', 'ACST', ['Australia/Darwin']],
  ['AWST', 'AWST', ['Australia/Perth']],
  ['NZST', 'NZDT', ['Pacific/Auckland', 'NZ']],
  ['GMT', 'GMT', ['Africa/Abidjan', 'Africa/Accra', 'Atlantic/Reykjavik', 'GMT', 'Etc/GMT']],
  ['UTC', 'UTC', ['Etc/UTC', 'Zulu', 'Etc/Zulu', 'UCT', 'Universal']],
];

const ABBREVIATIONS_BY_ZONE: ReadonlyMap<string, readonly [string, string]> = new Map(
  ABBREVIATIONS.flatMap(([standard, summer, zones]) =>
    zones.map((zone) => [zone, [standard, summer]] as const),
  ),
);

const SHAPE = /^[A-Za-z][A-Za-z0-9_+\-/]{0,63}$/;

/**
 * A zone by its IANA name; the empty name and `UTC` are UTC.
 * @throws GoFunctionError with Go's message where there is no such zone
 */
export function loadTimeZone(name: string): TimeZone {
  if (name === '' || name === 'UTC') return UTC;
  if (!SHAPE.test(name)) throw new GoFunctionError(`unknown time zone ${name}`);
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      timeZoneName: 'longOffset',
      year: 'numeric',
    });
  } catch {
    throw new GoFunctionError(`unknown time zone ${name}`);
  }
  const shortName = new Intl.DateTimeFormat('en-US', {
    timeZone: name,
    timeZoneName: 'short',
    year: 'numeric',
  });
  const offsetAt = (epochSeconds: number): number =>
    parseOffset(zoneNamePart(format, epochSeconds * 1_000));
  return {
    name,
    at: (epochSeconds) => {
      const offsetSeconds = offsetAt(epochSeconds);
      const known = ABBREVIATIONS_BY_ZONE.get(name);
      if (known !== undefined) {
        const halfYear = 182 * 86_400;
        const other = Math.min(
          offsetAt(epochSeconds - halfYear),
          offsetAt(epochSeconds + halfYear),
        );
        return { offsetSeconds, name: offsetSeconds > other ? known[1] : known[0] };
      }
      const short = zoneNamePart(shortName, epochSeconds * 1_000);
      // Where no letters are in use the database itself says "+03".
      return {
        offsetSeconds,
        name: /^[A-Z]{3,5}$/.test(short) ? short : numericName(offsetSeconds),
      };
    },
  };
}

const MAX_TIME_MS = 8.64e15;

function zoneNamePart(format: Intl.DateTimeFormat, timeMs: number): string {
  const inRange = Math.max(-MAX_TIME_MS, Math.min(MAX_TIME_MS, timeMs));
  const part = format.formatToParts(inRange).find(({ type }) => type === 'timeZoneName');
  return part?.value ?? 'GMT';
}

function parseOffset(text: string): number {
  const match = /^GMT([+-])(\d{2}):?(\d{2})(?::?(\d{2}))?$/.exec(text);
  if (match === null) return 0;
  const seconds = Number(match[2]) * 3_600 + Number(match[3]) * 60 + Number(match[4] ?? 0);
  return match[1] === '-' ? -seconds : seconds;
}

function numericName(offsetSeconds: number): string {
  const total = Math.abs(offsetSeconds);
  const hours = String(Math.floor(total / 3_600)).padStart(2, '0');
  const minutes = Math.floor(total / 60) % 60;
  const rest = minutes === 0 ? '' : String(minutes).padStart(2, '0');
  return `${offsetSeconds < 0 ? '-' : '+'}${hours}${rest}`;
}
