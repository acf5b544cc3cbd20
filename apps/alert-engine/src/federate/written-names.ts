import { compareUtf8, isValidLegacyName, Labels, METRIC_NAME } from '#libs/labels';

/**
 * Names as a body has them, and metrics as numbers. Whoever cannot read every name gets underscores for the characters it
 * does not know, as from Prometheus; two names may become one so.
 */
export class WrittenNames {
  readonly #allowsUtf8: boolean;
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];

  constructor(allowsUtf8: boolean) {
    this.#allowsUtf8 = allowsUtf8;
  }

  /** How many different metrics there have been. */
  get size(): number {
    return this.#texts.length;
  }

  /** The number of a series' metric. */
  metricOf(labels: Labels): number {
    const written = this.#written(labels.metricName, 'metric');
    const known = this.#numbers.get(written);
    if (known !== undefined) return known;
    const number = this.#texts.push(written) - 1;
    this.#numbers.set(written, number);
    return number;
  }

  textOf(metric: number): string {
    return this.#texts[metric]!;
  }

  /** The numbers in the order of their texts. */
  sorted(): number[] {
    return [...this.#texts.keys()].toSorted((a, b) =>
      compareUtf8(this.#texts[a]!, this.#texts[b]!),
    );
  }

  /** A series' labels with their names as they are written; of names that become one, the first counts. */
  writtenLabels(labels: Labels): Labels {
    if (this.#allowsUtf8) return labels;
    const pairs = new Map<string, string>();
    let isChanged = false;
    for (const [name, value] of labels) {
      const written = this.#written(name, 'label');
      const text = name === METRIC_NAME ? this.#written(value, 'metric') : value;
      isChanged ||= written !== name || text !== value;
      if (!pairs.has(written)) pairs.set(written, text);
    }
    return isChanged ? Labels.fromSortedFlat([...pairs].flat()) : labels;
  }

  #written(name: string, kind: 'metric' | 'label'): string {
    if (this.#allowsUtf8 || name === '' || isValidLegacyName(name, kind)) return name;
    const others = kind === 'metric' ? /[^a-zA-Z0-9_:]/gu : /[^a-zA-Z0-9_]/gu;
    return name.replaceAll(others, '_').replace(/^\d/, '_');
  }
}
