/** How many places are looked at for one series. */
const MAX_PROBES = 16;

/**
 * Remembers the last value of many series in 16 bytes each, and tells whether a value is another than before. With more
 * series than places they push each other out: a value may be taken for changed that is not, never the other way round (but
 * for two series whose 53 bits of hash agree).
 */
export class ChangedValues {
  #hashes: Float64Array;
  #values: Float64Array;
  #used = 0;
  readonly #maxPlaces: number;

  /** @param maxPlaces how many series are remembered at most, a power of two */
  constructor(maxPlaces = 2 ** 20) {
    this.#maxPlaces = maxPlaces;
    this.#hashes = new Float64Array(Math.min(1_024, maxPlaces));
    this.#values = new Float64Array(this.#hashes.length);
  }

  /** Whether the series had another value before, or none; NaN equals NaN. */
  note(seriesKey: string, value: number): boolean {
    const hash = hash53(seriesKey);
    const place = this.#placeOf(hash);
    if (this.#hashes[place] === hash) {
      if (Object.is(this.#values[place], value)) return false;
      this.#values[place] = value;
      return true;
    }
    const isNew = this.#hashes[place] === 0;
    this.#hashes[place] = hash;
    this.#values[place] = value;
    if (isNew && ++this.#used * 2 > this.#hashes.length) this.#grow();
    return true;
  }

  /** Where the series is, or where it may go: an empty place near its own, or else its own. */
  #placeOf(hash: number): number {
    const own = hash % this.#hashes.length;
    for (let i = 0; i < MAX_PROBES; i++) {
      const place = (own + i) % this.#hashes.length;
      if (this.#hashes[place] === hash || this.#hashes[place] === 0) return place;
    }
    return own;
  }

  #grow(): void {
    if (this.#hashes.length >= this.#maxPlaces) return;
    const [hashes, values] = [this.#hashes, this.#values];
    this.#hashes = new Float64Array(hashes.length * 2);
    this.#values = new Float64Array(hashes.length * 2);
    this.#used = 0;
    hashes.forEach((hash, i) => {
      if (hash === 0) return;
      const place = this.#placeOf(hash);
      if (this.#hashes[place] === 0) this.#used++;
      this.#hashes[place] = hash;
      this.#values[place] = values[i]!;
    });
  }
}

/** Two rounds of FNV-1a with different starts, of which 53 bits are used; never 0. */
function hash53(text: string): number {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca6b);
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0) || 1;
}
