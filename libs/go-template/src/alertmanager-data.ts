import { GoTime } from './go-time.ts';
import { printValue } from './go-fmt.ts';
import {
  asMap,
  asSlice,
  asStruct,
  GoMap,
  type GoMethod,
  GoSlice,
  GoStruct,
  type GoType,
  type GoValue,
  type ParamType,
  STRING,
  stringArg,
} from './go-value.ts';

const STRINGS: GoType = {
  name: 'template.Strings',
  methods: new Map<string, GoMethod>([
    [
      'Join',
      {
        params: [STRING],
        isVariadic: false,
        call: (self, args) =>
          asSlice(self)
            .items.map((item) => printValue(item))
            .join(stringArg(args, 0)),
      },
    ],
  ]),
};

/** Lists of strings are interchangeable: `[]string`, a label set's names, its values. */
export const STRING_LIST: ParamType = {
  name: '[]string',
  literal: 'none',
  isNullable: false,
  accepts: (value) =>
    value instanceof GoSlice && value.items.every((item) => typeof item === 'string'),
};

/** A list of strings as Alertmanager's data has it. */
export function toStrings(texts: readonly string[]): GoSlice {
  return new GoSlice(STRINGS, texts);
}

const PAIR: GoType = { name: 'template.Pair' };

function pairsOf(pairs: GoValue): readonly (readonly [string, string])[] {
  return asSlice(pairs).items.map((pair) => {
    const [name, value] = asStruct(pair).fields;
    return [printValue(name!.value), printValue(value!.value)] as const;
  });
}

const PAIRS: GoType = {
  name: 'template.Pairs',
  methods: new Map<string, GoMethod>([
    ['Names', method((self) => toStrings(pairsOf(self).map(([name]) => name)))],
    ['Values', method((self) => toStrings(pairsOf(self).map(([, value]) => value)))],
    ['String', method((self) => printPairs(pairsOf(self)))],
  ]),
  toText: (value) => printPairs(pairsOf(value)),
};

function method(call: (self: GoValue) => GoValue): GoMethod {
  return { params: [], isVariadic: false, call };
}

function printPairs(pairs: readonly (readonly [string, string])[]): string {
  return pairs.map(([name, value]) => `${name}=${value}`).join(', ');
}

/** Label sets are walked with the alert's name first, the others by name. */
function sortedEntries(map: GoValue): readonly (readonly [string, string])[] {
  const { entries, sortedKeys } = asMap(map);
  const keys = sortedKeys.filter((key) => key !== 'alertname');
  if (entries.has('alertname')) keys.unshift('alertname');
  return keys.map((key) => [key, printValue(entries.get(key)!)] as const);
}

const KV: GoType = {
  name: 'template.KV',
  toText: (value) => printPairs(sortedEntries(value)),
  methods: new Map<string, GoMethod>([
    [
      'SortedPairs',
      method(
        (self) =>
          new GoSlice(
            PAIRS,
            sortedEntries(self).map(
              ([name, value]) =>
                new GoStruct(PAIR, [
                  { name: 'Name', json: 'Name', value: name },
                  { name: 'Value', json: 'Value', value },
                ]),
            ),
          ),
      ),
    ],
    ['Names', method((self) => toStrings(sortedEntries(self).map(([name]) => name)))],
    ['Values', method((self) => toStrings(sortedEntries(self).map(([, value]) => value)))],
    ['String', method((self) => printPairs(sortedEntries(self)))],
    [
      'Remove',
      {
        params: [STRING_LIST],
        isVariadic: false,
        call: (self, [names]) => {
          const gone = new Set(asSlice(names).items);
          return toKv(sortedEntries(self).filter(([name]) => !gone.has(name)));
        },
      },
    ],
  ]),
};

function toKv(entries: Iterable<readonly [string, string]>): GoMap {
  return new GoMap(KV, new Map(entries), '');
}

/** One alert of a notification. Times are RFC 3339 texts or milliseconds since the epoch; null is Go's zero time. */
export interface NotificationAlert {
  readonly status: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAtMs: number | null;
  readonly endsAtMs: number | null;
  readonly generatorUrl: string;
  readonly fingerprint: string;
}

/** What a notification template is run on (Alertmanager's `template.Data`). */
export interface NotificationData {
  readonly receiver: string;
  readonly status: string;
  readonly alerts: readonly NotificationAlert[];
  readonly notificationReason?: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly commonLabels: Readonly<Record<string, string>>;
  readonly commonAnnotations: Readonly<Record<string, string>>;
  /** The labels of the route, null where it has none. */
  readonly routeLabels?: Readonly<Record<string, string>> | null;
  readonly externalUrl: string;
}

const ALERT: GoType = { name: 'template.Alert' };

function withStatus(status: string): GoMethod {
  return method(
    (self) =>
      new GoSlice(
        ALERTS,
        asSlice(self).items.filter((alert) => asStruct(alert).field('Status')?.value === status),
      ),
  );
}

const ALERTS: GoType = {
  name: 'template.Alerts',
  methods: new Map<string, GoMethod>([
    ['Firing', withStatus('firing')],
    ['Resolved', withStatus('resolved')],
  ]),
};

const DATA: GoType = { name: 'template.Data', isPointer: true };

function toTime(timeMs: number | null): GoTime {
  return timeMs === null ? GoTime.ZERO : GoTime.fromMs(timeMs);
}

function toAlert(alert: NotificationAlert): GoStruct {
  return new GoStruct(ALERT, [
    { name: 'Status', json: 'status', value: alert.status },
    { name: 'Labels', json: 'labels', value: toKv(Object.entries(alert.labels)) },
    { name: 'Annotations', json: 'annotations', value: toKv(Object.entries(alert.annotations)) },
    { name: 'StartsAt', json: 'startsAt', value: toTime(alert.startsAtMs) },
    { name: 'EndsAt', json: 'endsAt', value: toTime(alert.endsAtMs) },
    { name: 'GeneratorURL', json: 'generatorURL', value: alert.generatorUrl },
    { name: 'Fingerprint', json: 'fingerprint', value: alert.fingerprint },
  ]);
}

const NIL_KV: GoType = { ...KV };

/** The value a notification template is run on. */
export function toNotificationValue(data: NotificationData): GoValue {
  const routeLabels =
    data.routeLabels === undefined || data.routeLabels === null
      ? new GoMap(NIL_KV, new Map(), '')
      : toKv(Object.entries(data.routeLabels));
  return new GoStruct(DATA, [
    { name: 'Receiver', json: 'receiver', value: data.receiver },
    { name: 'Status', json: 'status', value: data.status },
    { name: 'Alerts', json: 'alerts', value: new GoSlice(ALERTS, data.alerts.map(toAlert)) },
    {
      name: 'NotificationReason',
      json: 'notification_reason',
      value: data.notificationReason ?? '',
    },
    { name: 'GroupLabels', json: 'groupLabels', value: toKv(Object.entries(data.groupLabels)) },
    { name: 'CommonLabels', json: 'commonLabels', value: toKv(Object.entries(data.commonLabels)) },
    {
      name: 'CommonAnnotations',
      json: 'commonAnnotations',
      value: toKv(Object.entries(data.commonAnnotations)),
    },
    { name: 'RouteLabels', json: 'routeLabels', value: routeLabels },
    { name: 'ExternalURL', json: 'externalURL', value: data.externalUrl },
    { name: 'hasRouteLabels', json: null, value: false, isExported: false },
  ]);
}

/** Whether a map is Go's nil map, which JSON writes as null. */
export function isNilMap(map: GoMap): boolean {
  return map.type === NIL_KV;
}
