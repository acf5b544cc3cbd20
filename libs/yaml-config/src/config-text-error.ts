/** One thing wrong with a configuration text. */
export interface ConfigProblem {
  /** The file it is in, where that is not the error's. */
  readonly file?: string;
  /** 1-based line in the file, or 0 where no line can be named. */
  readonly line: number;
  /** Dotted path of the key, empty for the whole document: `scrape_configs[0].job_name`. */
  readonly path: string;
  /** What is wrong and what would be accepted. */
  readonly message: string;
}

/** A configuration text that is refused; the message has a line for each problem: `file:line: path: message`. */
export class ConfigTextError extends Error {
  override readonly name = 'ConfigTextError';
  readonly file: string;
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    super(problems.map((problem) => formatProblem(file, problem)).join('\n'));
    this.file = file;
    this.problems = problems;
  }
}

function formatProblem(
  whole: string,
  { file = whole, line, path, message }: ConfigProblem,
): string {
  const place = line > 0 ? `${file}:${line}` : file;
  return path === '' ? `${place}: ${message}` : `${place}: ${path}: ${message}`;
}
