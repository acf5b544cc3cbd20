/*
 * A stale marker says that a series has no value from here on. It is the NaN with the bits 0x7ff0000000000002
 * (Prometheus, model/value). Typed arrays keep a NaN's bits; plain arrays, arithmetic, JSON and structured cloning do
 * not, so markers are written and recognised here, in the columns, and nowhere else.
 */

/** Upper 32 bits of the stale marker. */
export const STALE_MARKER_HIGH = 0x7ff00000;
/** Lower 32 bits of the stale marker. */
export const STALE_MARKER_LOW = 0x00000002;

const IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
const LOW_WORD = IS_LITTLE_ENDIAN ? 0 : 1;

/** One stale marker in a column of its own, to `set` into others. Not to be written to. */
export const STALE_MARKER: Float64Array = (() => {
  const column = new Float64Array(1);
  writeStaleMarker(column, 0);
  return column;
})();

/** Writes a stale marker at `index`. */
export function writeStaleMarker(values: Float64Array, index: number): void {
  const words = new Uint32Array(values.buffer, values.byteOffset + index * 8, 2);
  words[LOW_WORD] = STALE_MARKER_LOW;
  words[1 - LOW_WORD] = STALE_MARKER_HIGH;
}

/** Whether the value at `index` is a stale marker. Costs one comparison for everything that is not NaN. */
export function isStaleMarker(values: Float64Array, index: number): boolean {
  const value = values[index]!;
  if (value === value) return false;
  const words = new Uint32Array(values.buffer, values.byteOffset + index * 8, 2);
  return words[LOW_WORD] === STALE_MARKER_LOW && words[1 - LOW_WORD] === STALE_MARKER_HIGH;
}
