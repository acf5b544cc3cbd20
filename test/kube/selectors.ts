/** An object as it is stored: JSON, whatever its kind. */
export interface StoredObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly creationTimestamp?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [key: string]: unknown;
}

/** Whether an object is wanted. */
export type Selects = (object: StoredObject) => boolean;

/** A selector the API would refuse. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}

/** The fields each kind may be selected by, beside name and namespace: the API refuses all others. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  Pod: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.serviceAccountName',
    'status.phase',
    'status.podIP',
  ],
  Node: ['spec.unschedulable'],
  Namespace: ['status.phase'],
  Event: ['involvedObject.kind', 'involvedObject.name', 'involvedObject.uid', 'reason', 'type'],
};

/** @throws SelectorError */
export function fieldSelector(written: string, kind: string): Selects {
  const terms = written.split(',').filter((term) => term !== '');
  const tests = terms.map((term) => {
    const match = /^([\w.]+)(==|=|!=)(.*)$/.exec(term);
    if (match === null) throw new SelectorError(`invalid field selector ${JSON.stringify(term)}`);
    const [, field, operator, value] = match;
    const known = ['metadata.name', 'metadata.namespace', ...(FIELDS[kind] ?? [])];
    if (!known.includes(field!)) throw new SelectorError(`field label not supported: ${field}`);
    return (object: StoredObject) => (fieldOf(object, field!) === value) === (operator !== '!=');
  });
  return (object) => tests.every((test) => test(object));
}

function fieldOf(object: StoredObject, path: string): string {
  let value: unknown = object;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null) return '';
    value = Reflect.get(value, key);
  }
  return typeof value === 'string' ? value : JSON.stringify(value ?? '').replaceAll('"', '');
}

/** @throws SelectorError */
export function labelSelector(written: string): Selects {
  const tests = splitTerms(written).map((term): Selects => {
    const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(term);
    if (set !== null) {
      const values = new Set(set[3]!.split(',').map((value) => value.trim()));
      const isIn = set[2] === 'in';
      return ({ metadata }) => {
        const value = metadata.labels?.[set[1]!];
        return value === undefined ? !isIn : values.has(value) === isIn;
      };
    }
    const match = /^(!?)([\w./-]+)(?:\s*(==|=|!=)\s*([\w.-]*))?$/.exec(term);
    if (match === null) throw new SelectorError(`unable to parse requirement: ${term}`);
    const [, not, name, operator, value] = match;
    return ({ metadata }) => {
      const own = metadata.labels?.[name!];
      if (operator === undefined) return (own !== undefined) === (not === '');
      return (own === value) === (operator !== '!=');
    };
  });
  return (object) => tests.every((test) => test(object));
}

/** At the commas that stand outside of parentheses. */
function splitTerms(written: string): string[] {
  return written
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== '');
}
