/** A text that is not a list of matchers. */
export class MatcherTextError extends Error {
  override readonly name = 'MatcherTextError';
  /** The whole text. */
  readonly text: string;
  /** Where it stops making sense, as an index into `text`; -1 where no place can be named. */
  readonly position: number;

  constructor(text: string, position: number, reason: string, options?: ErrorOptions) {
    const place = position < 0 ? '' : ` at character ${position + 1}`;
    super(`bad matcher ${JSON.stringify(clip(text))}${place}: ${reason}`, options);
    this.text = text;
    this.position = position;
  }
}

function clip(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
}
