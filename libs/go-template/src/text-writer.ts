import type { OutputWriter } from './execution.ts';
import { printValue } from './go-fmt.ts';
import { GoMarked, type GoValue } from './go-value.ts';

/** Collects plain text. */
export class TextWriter implements OutputWriter {
  readonly #parts: string[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  writeText(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
  }

  writeValue(value: GoValue): void {
    this.writeText(
      value === null ? '<no value>' : value instanceof GoMarked ? value.text : printValue(value),
    );
  }

  finish(): string {
    return this.#parts.join('');
  }
}
