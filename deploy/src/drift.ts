/** A quantity as the API server writes it back: `1000m` would come back as `1`, `1024Mi` as `1Gi`. */
function isCanonical(text: string): boolean {
  const [, digits, unit = ''] = /^(\d+)(m|Ki|Mi|Gi|Ti)?$/.exec(text) ?? [];
  if (digits === undefined || (digits.length > 1 && digits.startsWith('0'))) return false;
  const next = unit === 'm' || unit === '' ? 1_000 : 1_024;
  return unit === '' || Number(digits) % next !== 0;
}

/** Maps of quantities, by the key they are under. */
const OF_QUANTITIES: ReadonlySet<string> = new Set(['requests', 'limits']);

/**
 * What an API server would give back otherwise than it is written, so that whoever compares the two finds a difference for ever:
 * nulls, which are dropped, and quantities in another form. @returns a sentence each
 */
export function* driftFindings(value: unknown, path = ''): Generator<string> {
  if (value === null) {
    yield `${path} is null, which the API server drops`;
    return;
  }
  if (typeof value !== 'object') return;
  for (const [key, inner] of Object.entries(value)) {
    const place = `${path}${Array.isArray(value) ? `[${key}]` : `.${key}`}`;
    yield* driftFindings(inner, place);
    if (OF_QUANTITIES.has(key) && typeof inner === 'object' && inner !== null) {
      for (const [name, text] of Object.entries(inner)) {
        if (typeof text === 'string' && !isCanonical(text)) {
          yield `${place}.${name} is ${text}, which the API server writes in another form`;
        }
      }
    }
    if (key === 'sizeLimit' && typeof inner === 'string' && !isCanonical(inner)) {
      yield `${place} is ${inner}, which the API server writes in another form`;
    }
  }
}
