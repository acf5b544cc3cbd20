import type { AlertState } from './alert-state.ts';
import type { StoredAlert } from './ports.ts';

/** A kept alert as JSON text; the value is a text in it, since it may be NaN or infinite. */
export function encodeStoredAlert(alert: StoredAlert): string {
  return JSON.stringify({ ...alert, value: String(alert.value) });
}

/** Reads what {@link encodeStoredAlert} wrote; null where the text is not that, as after damage. */
export function decodeStoredAlert(text: string): StoredAlert | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(json)) return null;
  const { labels, annotations, value } = json;
  const state = decodeState(json['state']);
  if (!isFlatLabels(labels) || !isFlatLabels(annotations)) return null;
  if (typeof value !== 'string' || state === null) return null;
  const since = json['noDataSinceMs'];
  const noDataSinceMs = typeof since === 'number' && Number.isFinite(since) ? since : null;
  return { labels, annotations, value: Number(value), state, noDataSinceMs };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isFlatLabels(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length % 2 === 0 &&
    value.every((text) => typeof text === 'string' && text !== '')
  );
}

function decodeState(value: unknown): AlertState | null {
  if (!isRecord(value)) return null;
  const number = (name: string): number | null => {
    const field = value[name];
    return typeof field === 'number' && Number.isFinite(field) ? field : null;
  };
  const activeAtMs = number('activeAtMs');
  const firedAtMs = number('firedAtMs');
  switch (value['kind']) {
    case 'inactive':
      return { kind: 'inactive', resolvedAtMs: number('resolvedAtMs'), firedAtMs };
    case 'pending':
      return activeAtMs === null ? null : { kind: 'pending', activeAtMs };
    case 'firing':
      if (activeAtMs === null || firedAtMs === null) return null;
      return { kind: 'firing', activeAtMs, firedAtMs, missingSinceMs: number('missingSinceMs') };
    default:
      return null;
  }
}
