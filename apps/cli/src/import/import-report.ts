import type { CommandIo, ExitCode } from '../command.ts';

/** What was taken over and what was not. */
export class ImportReport {
  readonly #taken: string[] = [];
  readonly #left: { readonly place: string; readonly reason: string }[] = [];
  readonly #notes: string[] = [];

  taken(what: string): void {
    this.#taken.push(what);
  }

  /** @param place file, line and key */
  left(place: string, reason: string): void {
    this.#left.push({ place, reason });
  }

  /** Something to know or to do, although everything was taken over. */
  note(text: string): void {
    if (!this.#notes.includes(text)) this.#notes.push(text);
  }

  get isComplete(): boolean {
    return this.#left.length === 0;
  }

  print(io: CommandIo): ExitCode {
    for (const what of this.#taken) io.out(`taken over: ${what}\n`);
    for (const note of this.#notes) io.out(`note: ${note}\n`);
    for (const { place, reason } of this.#left) io.out(`not taken over: ${place}: ${reason}\n`);
    return this.isComplete ? 0 : 1;
  }
}

/** `file:line: key`, as far as it is known. */
export function placeOf(file: string, line: number, key: string): string {
  return [line > 0 ? `${file}:${line}` : file, key].filter((part) => part !== '').join(': ');
}
