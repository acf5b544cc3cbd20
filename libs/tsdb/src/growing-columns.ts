type Column = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

/** A copy of `column` with room for `length` entries. */
export function grown<T extends Column>(column: T, length: number): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types do not say that a column constructs its like
  const larger = new (column.constructor as new (length: number) => T)(length);
  larger.set(column);
  return larger;
}

/** The next capacity for a table of rows that has to hold `needed`: half again, at least 1,024. */
export function nextCapacity(needed: number): number {
  return Math.max(1_024, needed + (needed >> 1));
}
