import type { Fields } from './fields.ts';

/** One entry of `relabel_configs`. */
export interface RelabelEntry {
  readonly source_labels?: readonly string[];
  readonly separator?: string;
  readonly regex?: string;
  readonly target_label?: string;
  readonly replacement?: string;
  readonly modulus?: unknown;
  readonly action?: string;
}

/** `__meta_kubernetes_` */
export const META = '__meta_kubernetes_';

/** The name of a Kubernetes label in a label of a target. */
export function labelName(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_]/g, '_');
}

/** A text as an expression that matches it and nothing else. */
export function literal(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, String.raw`\$&`);
}

/** A text as a replacement that names no group. */
function plainReplacement(text: string): string {
  return text.replaceAll('$', '$$$$');
}

/** Sets `target` to what `source` has, where it has something. */
export function copyLabel(source: string, target: string): RelabelEntry {
  return { source_labels: [source], regex: '(.+)', target_label: target };
}

export function setLabel(target: string, value: string): RelabelEntry {
  return { target_label: target, replacement: plainReplacement(value) };
}

export function keep(source: string, regex: string): RelabelEntry {
  return { source_labels: [source], regex, action: 'keep' };
}

/** A label selector as entries that keep what it selects. @param role whose labels: `service`, `pod`, `ingress` */
export function selectorEntries(selector: Fields, role: string): RelabelEntry[] {
  const entries: RelabelEntry[] = [];
  const sources = (name: string): string[] =>
    ['label', 'labelpresent'].map((kind) => `${META}${role}_${kind}_${labelName(name)}`);
  for (const [name, value] of Object.entries(selector.record('matchLabels'))) {
    entries.push({
      source_labels: sources(name),
      regex: `${literal(value)};true`,
      action: 'keep',
    });
  }
  for (const expression of selector.list('matchExpressions')) {
    const [label, present] = sources(expression.text('key'));
    const values = expression.texts('values').map(literal).join('|');
    switch (expression.text('operator').toLowerCase()) {
      case 'in':
        entries.push({
          source_labels: [label!, present!],
          regex: `(${values});true`,
          action: 'keep',
        });
        break;
      case 'notin':
        entries.push({
          source_labels: [label!, present!],
          regex: `(${values});true`,
          action: 'drop',
        });
        break;
      case 'exists':
        entries.push({ source_labels: [present!], regex: 'true', action: 'keep' });
        break;
      case 'doesnotexist':
        entries.push({ source_labels: [present!], regex: 'true', action: 'drop' });
        break;
      default:
        expression.refuse('operator', 'unknown; accepted are In, NotIn, Exists, DoesNotExist');
    }
  }
  return entries;
}

const KEYS = new Map([
  ['separator', 'separator'],
  ['regex', 'regex'],
  ['modulus', 'modulus'],
  ['action', 'action'],
] as const);

/** The object's own `relabelings`, under whatever key it has them. */
export function ownEntries(from: Fields, key: string): RelabelEntry[] {
  return from.list(key).map((fields) => {
    const entry: Record<string, unknown> = {};
    if (fields.has('sourceLabels')) entry['source_labels'] = fields.texts('sourceLabels');
    fields.copy(entry, KEYS);
    // An empty separator or replacement is not the default one.
    for (const [name, own] of [
      ['separator', 'separator'],
      ['replacement', 'replacement'],
      ['targetLabel', 'target_label'],
    ] as const) {
      if (fields.raw(name) !== undefined) entry[own] = fields.text(name);
    }
    for (const path of fields.unread()) fields.refuse('', `${path} is not known`);
    return entry;
  });
}
