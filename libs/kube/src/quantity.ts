/** Exponents of two, then of ten: `Ki` is 2^10, `k` 10^3, `m` 10^-3. */
const BINARY: ReadonlyMap<string, number> = new Map(
  ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'].map((suffix, i) => [suffix, (i + 1) * 10]),
);
const DECIMAL: ReadonlyMap<string, number> = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);

const SHAPE = /^([+-]?)(\d{1,40})?(?:\.(\d{0,40}))?(?:([eE])([+-]?\d{1,3})|([A-Za-z]{1,2}))?$/;

/**
 * A quantity as the API writes it (`250m`, `1.5Gi`, `64M`, `1e3`) as a number in its base unit.
 * @returns NaN for a text that is no quantity
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export function parseQuantity(quantity: string): number {
  const match = SHAPE.exec(quantity);
  if (match === null) return Number.NaN;
  const [, sign, whole = '', fraction = '', , exponent, suffix = ''] = match;
  if (whole === '' && fraction === '') return Number.NaN;
  const binary = BINARY.get(suffix);
  if (binary !== undefined) return Number(`${sign}${whole}.${fraction}0`) * 2 ** binary;
  const power = exponent === undefined ? DECIMAL.get(suffix) : Number(exponent);
  if (power === undefined) return Number.NaN;
  // As one literal, so that "7m" is the double next to 0.007 and not 7 * 0.001.
  return Number(`${sign}${whole}.${fraction}0e${power}`);
}
