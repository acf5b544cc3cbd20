import { Labels } from '#libs/labels';

/** What went wrong with a line in the pipeline, and the details of it. */
const ERROR_LABEL = '__error__';
const ERROR_DETAILS_LABEL = '__error_details__';

/** The labels of one line in the parts in which Loki's API shows them. */
export interface CategorizedLabels {
  readonly stream: Labels;
  readonly structuredMetadata: Labels;
  readonly parsed: Labels;
}

/**
 * The labels of the line at hand: those of its stream, its structured metadata, and what stages set over them. One
 * instance serves line after line. A label with an empty value is the same as none.
 */
export class LineLabels {
  #base: Labels = Labels.EMPTY;
  #metadata: ReadonlyMap<string, string> | null = null;
  /** What stages set, in this order; an empty value hides what is below. Only the first `#count` count. */
  readonly #names: string[] = [];
  readonly #values: string[] = [];
  #count = 0;
  #error = '';
  #errorDetails = '';

  /** Starts over with a line. */
  reset(base: Labels, metadata: ReadonlyMap<string, string> | null): void {
    this.#base = base;
    this.#metadata = metadata;
    this.#count = 0;
    this.#error = '';
    this.#errorDetails = '';
  }

  /** The value of a label, or the empty string. */
  get(name: string): string {
    for (let i = 0; i < this.#count; i++) if (this.#names[i] === name) return this.#values[i]!;
    if (name === ERROR_LABEL) return this.#error;
    if (name === ERROR_DETAILS_LABEL) return this.#errorDetails;
    return this.#below(name);
  }

  get error(): string {
    return this.#error;
  }

  get errorDetails(): string {
    return this.#errorDetails;
  }

  /** Notes what went wrong; the first of several counts. */
  fail(error: string, details: string): void {
    if (this.#error !== '') return;
    this.#error = error;
    this.#errorDetails = details;
  }

  /** Sets a label over whatever there is; the empty string takes it away. */
  set(name: string, value: string): void {
    if (name === ERROR_LABEL || name === ERROR_DETAILS_LABEL) {
      if (name === ERROR_LABEL) this.#error = value;
      else this.#errorDetails = value;
      return;
    }
    for (let i = 0; i < this.#count; i++) {
      if (this.#names[i] !== name) continue;
      this.#values[i] = value;
      return;
    }
    this.#push(name, value);
  }

  /**
   * Sets a label that a parser found. One that the stream or its metadata has already gets `_extracted` behind its name;
   * of several with one name the first is kept.
   */
  setExtracted(name: string, value: string): void {
    if (value === '' || name === '') return;
    const free = this.#below(name) === '' ? name : `${name}_extracted`;
    for (let i = 0; i < this.#count; i++) {
      if (this.#names[i] !== free) continue;
      if (this.#values[i] === '') this.#values[i] = value;
      return;
    }
    this.#push(free, value);
  }

  #push(name: string, value: string): void {
    this.#names[this.#count] = name;
    this.#values[this.#count] = value;
    this.#count++;
  }

  #below(name: string): string {
    const value = this.#base.get(name);
    return value !== '' || this.#metadata === null ? value : (this.#metadata.get(name) ?? '');
  }

  /** A text that is the same for two lines of one stream only if their labels are; null where they are the stream's own. */
  overlayKey(): string | null {
    if (this.#count === 0 && this.#metadata === null && this.#error === '') return null;
    let key = '';
    for (let i = 0; i < this.#count; i++) {
      const name = this.#names[i]!;
      const value = this.#values[i]!;
      key += `${name.length}:${name}${value.length}:${value}`;
    }
    if (this.#metadata !== null) {
      key += ';';
      for (const [name, value] of this.#metadata) {
        key += `${name.length}:${name}${value.length}:${value}`;
      }
    }
    return `${key};${this.#error};${this.#errorDetails}`;
  }

  /** Every label with its value. */
  toMap(): Map<string, string> {
    const all = new Map<string, string>(this.#base);
    if (this.#metadata !== null) {
      for (const [name, value] of this.#metadata) if (!all.has(name)) all.set(name, value);
    }
    for (let i = 0; i < this.#count; i++) {
      if (this.#values[i] === '') all.delete(this.#names[i]!);
      else all.set(this.#names[i]!, this.#values[i]!);
    }
    if (this.#error !== '') all.set(ERROR_LABEL, this.#error);
    if (this.#errorDetails !== '') all.set(ERROR_DETAILS_LABEL, this.#errorDetails);
    return all;
  }

  toLabels(): Labels {
    return this.overlayKey() === null ? this.#base : Labels.fromPairs(this.toMap());
  }

  toCategories(): CategorizedLabels {
    const isSet = (name: string): boolean => {
      for (let i = 0; i < this.#count; i++) if (this.#names[i] === name) return true;
      return false;
    };
    const metadata: [string, string][] = [];
    for (const [name, value] of this.#metadata ?? []) {
      if (!isSet(name) && !this.#base.has(name)) metadata.push([name, value]);
    }
    const parsed: [string, string][] = [];
    for (let i = 0; i < this.#count; i++) parsed.push([this.#names[i]!, this.#values[i]!]);
    parsed.push([ERROR_LABEL, this.#error], [ERROR_DETAILS_LABEL, this.#errorDetails]);
    return {
      stream: this.#count === 0 ? this.#base : this.#base.filter((name) => !isSet(name)),
      structuredMetadata: Labels.fromPairs(metadata),
      parsed: Labels.fromPairs(parsed),
    };
  }

  /** Takes away every label that `keeps` does not accept. */
  retain(keeps: (name: string, value: string) => boolean): void {
    for (const [name, value] of this.toMap()) {
      const isError = name === ERROR_LABEL || name === ERROR_DETAILS_LABEL;
      if (!isError && !keeps(name, value)) this.set(name, '');
    }
  }
}
