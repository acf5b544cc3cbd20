/** What stands for whatever changes from line to line, as pattern filters of LogQL write it. */
const ANYTHING = '<_>';
/** What comes behind so many words is one that changes. A pattern filter takes 200 pieces. */
const MAX_WORDS = 90;
const MAX_LINE_LENGTH = 4_000;
const MAX_WORD_LENGTH = 60;
/** Lines with as many words are compared with so many patterns. */
const MAX_ALIKE = 32;
const MAX_PATTERNS = 1_000;
/** As large a part of the words of two lines is the same where they are of one pattern. */
const LEAST_SAME = 0.5;

/** Lines that look the same, but for what stands at `<_>`. */
export interface FoundPattern {
  /** As `|>` takes it. */
  readonly pattern: string;
  readonly count: number;
  /** By the numbers of steps, how many lines there are, ascending. */
  readonly steps: readonly (readonly [step: number, count: number])[];
}

/** A pattern as it grows: its words, of which those that were not always the same are null. */
interface Cluster {
  readonly words: (string | null)[];
  count: number;
  readonly steps: Map<number, number>;
}

/**
 * Finds the patterns of lines, in the manner of Drain: lines with as many words, parted alike, are of one pattern if at
 * least half of their words are the same. A word with a digit is taken to change from the start.
 */
export class LinePatterns {
  /** By what stands between the words. */
  readonly #alike = new Map<string, Cluster[]>();
  #patterns = 0;

  /** @param step the number of the step that the line is counted in; @param weight as many lines as it stands for */
  add(line: string, step: number, weight = 1): void {
    const { words, between } = partsOf(line);
    let clusters = this.#alike.get(between);
    let cluster = clusters === undefined ? null : mostAlike(clusters, words);
    if (cluster === null) {
      if (this.#patterns >= MAX_PATTERNS || (clusters?.length ?? 0) >= MAX_ALIKE) return;
      if (clusters === undefined) this.#alike.set(between, (clusters = []));
      cluster = { words, count: 0, steps: new Map() };
      clusters.push(cluster);
      this.#patterns++;
    }
    const known = cluster.words;
    for (let i = 0; i < known.length; i++) if (known[i] !== words[i]) known[i] = null;
    cluster.count += weight;
    cluster.steps.set(step, (cluster.steps.get(step) ?? 0) + weight);
  }

  /** The most frequent first, without those that say nothing. */
  found(limit: number): readonly FoundPattern[] {
    const found: FoundPattern[] = [];
    for (const [between, clusters] of this.#alike) {
      for (const { words, count, steps } of clusters) {
        if (words.every((word) => word === null || word === '')) continue;
        const pattern = words.map((word, i) => (word ?? ANYTHING) + (between[i] ?? '')).join('');
        found.push({ pattern, count, steps: [...steps].toSorted(([a], [b]) => a - b) });
      }
    }
    return found
      .toSorted((a, b) => b.count - a.count || (a.pattern < b.pattern ? -1 : 1))
      .slice(0, limit);
  }
}

/** The words of a line, null where they change, and the characters between them. JSON is parted at its commas and colons. */
function partsOf(line: string): { words: (string | null)[]; between: string } {
  const text = line.slice(0, MAX_LINE_LENGTH);
  const isJson = text.startsWith('{');
  const words: (string | null)[] = [];
  let between = '';
  let start = 0;
  for (let at = 0; at < text.length && words.length < MAX_WORDS; at++) {
    const character = text[at]!;
    const isBetween =
      character === ' ' || (isJson ? character === ',' || character === ':' : character === '=');
    if (!isBetween) continue;
    words.push(wordOf(text.slice(start, at)));
    between += character;
    start = at + 1;
  }
  const isCut = words.length === MAX_WORDS || line.length > MAX_LINE_LENGTH;
  words.push(isCut ? null : wordOf(text.slice(start)));
  return { words, between };
}

/** A word that may be the same in other lines, or null. One with `<` might be read as a capture. */
function wordOf(text: string): string | null {
  return text.length > MAX_WORD_LENGTH || /[0-9<]/.test(text) ? null : text;
}

function mostAlike(
  clusters: readonly Cluster[],
  words: readonly (string | null)[],
): Cluster | null {
  let best: Cluster | null = null;
  let most = LEAST_SAME * words.length;
  for (const cluster of clusters) {
    let same = 0;
    for (let i = 0; i < words.length; i++) if (cluster.words[i] === words[i]) same++;
    if (same < most || (best !== null && same === most)) continue;
    best = cluster;
    most = same;
  }
  return best;
}
