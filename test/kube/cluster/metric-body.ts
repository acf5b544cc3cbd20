/** Series of one subject, such as a pod: their values by their text, `name{label="value"}`. */
export class MetricSection {
  readonly values = new Map<string, number>();

  set(series: string, value: number): void {
    this.values.set(series, value);
  }

  /** Lets a counter grow. */
  add(series: string, growth: number): void {
    this.values.set(series, (this.values.get(series) ?? 0) + growth);
  }

  /**
   * Observations of a histogram.
   * @param labels as they stand in the text, without `le`; may be empty
   * @param bounds of the buckets, ascending, without infinity
   */
  observe(
    name: string,
    labels: string,
    bounds: readonly number[],
    { value, count }: { readonly value: number; readonly count: number },
  ): void {
    const prefix = labels === '' ? '' : `${labels},`;
    for (const bound of bounds) {
      this.add(`${name}_bucket{${prefix}le="${bound}"}`, value <= bound ? count : 0);
    }
    this.add(`${name}_bucket{${prefix}le="+Inf"}`, count);
    const braces = labels === '' ? '' : `{${labels}}`;
    this.add(`${name}_count${braces}`, count);
    this.add(`${name}_sum${braces}`, value * count);
  }
}

/** What an exporter answers: sections that come and go, whose counters only grow while they are there. */
export class MetricBody {
  readonly #sections = new Map<string, MetricSection>();

  section(key: string): MetricSection {
    let section = this.#sections.get(key);
    if (section === undefined) {
      section = new MetricSection();
      this.#sections.set(key, section);
    }
    return section;
  }

  /** Keeps the sections with these keys and forgets all others. */
  keep(keys: ReadonlySet<string>): void {
    for (const key of this.#sections.keys()) {
      if (!keys.has(key)) this.#sections.delete(key);
    }
  }

  sections(): Iterable<MetricSection> {
    return this.#sections.values();
  }

  /** In the text format; types are not told, as nothing here reads them. */
  text(): string {
    const lines: string[] = [];
    for (const { values } of this.#sections.values()) {
      for (const [series, value] of values) lines.push(`${series} ${value}`);
    }
    return `${lines.join('\n')}\n`;
  }
}
