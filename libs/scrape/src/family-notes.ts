import type { ExpositionEntry, ExpositionParser } from '#libs/exposition';
import type { SeriesMetadata } from '#libs/samples';

/** A help text is told up to here. */
const MAX_HELP_LENGTH = 1_024;
/** Metadata hardly ever change, and reading them costs more than reading samples. */
const REREAD_ROUNDS = 40;

/**
 * Types, helps and units of a target's metric families. They are read in the first body, when series came whose family was
 * not read, and otherwise once in many.
 */
export class FamilyNotes {
  #known = new Map<string, SeriesMetadata>();
  #isReading = true;
  #wantsNext = false;
  #roundsLeft = 0;
  #family = '';
  #type: SeriesMetadata['type'] = 'unknown';
  #help = '';
  #unit = '';
  #noted: SeriesMetadata | null = null;

  /** Whether this body's metadata are read. */
  get isReading(): boolean {
    return this.#isReading;
  }

  beginBody(): void {
    this.#roundsLeft--;
    this.#isReading = this.#wantsNext || this.#roundsLeft < 0;
    this.#wantsNext = false;
    if (this.#isReading) this.#roundsLeft = REREAD_ROUNDS;
    this.#family = '';
    this.#noted = null;
  }

  /** There is a series whose family is not known: the next body's metadata are read. */
  wantNext(): void {
    this.#wantsNext = true;
  }

  /** Takes a line about a family; of use while reading only. */
  take(parser: ExpositionParser, entry: ExpositionEntry): void {
    const family = parser.metricFamily();
    if (family !== this.#family) {
      this.#family = family;
      this.#type = 'unknown';
      this.#help = this.#unit = '';
    }
    this.#noted = null;
    if (entry === 'type') this.#type = parser.metricType;
    else if (entry === 'help') this.#help = parser.text().slice(0, MAX_HELP_LENGTH).toWellFormed();
    else if (entry === 'unit') this.#unit = parser.text();
  }

  /** What is known of the family of a series with this name as the body has it; null where its family was not told. */
  of(name: string): SeriesMetadata | null {
    if (this.#family === '' || !name.startsWith(this.#family)) return null;
    return (this.#noted ??= this.#note());
  }

  /** The same object for the same facts, so that a thousand series of a family share one. */
  #note(): SeriesMetadata {
    const known = this.#known.get(this.#family);
    const isSame =
      known !== undefined &&
      known.type === this.#type &&
      known.help === this.#help &&
      known.unit === this.#unit;
    if (isSame) return known;
    if (this.#known.size >= MAX_FAMILIES) this.#known = new Map();
    const noted = {
      family: this.#family,
      type: this.#type,
      help: this.#help,
      unit: this.#unit,
    };
    this.#known.set(this.#family, noted);
    return noted;
  }
}

/** Beyond this the memory of what was said before is given up; only sharing is lost. */
const MAX_FAMILIES = 10_000;
