import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LOG_LEVELS, type LogLevel } from '#libs/log-pipeline';
import { errorCode, writeFileAtomically } from '#libs/node-files';
import type { LogInput, LogInputContext } from './log-input.ts';
import type { JournaldInputConfig } from './log-inputs-config.ts';
import { readJournalEntry } from './journal-entry.ts';
import { RecordBatcher } from './record-batcher.ts';
import type { SenderFields } from './sender-fields.ts';

/** Records that are not safe, beyond which the journal is read no further. */
const WAITING_BYTES = 4 * 1024 * 1024;
const MAX_LINE_BYTES = 1024 * 1024;
const RESTART_MS = 2_000;
const NEWLINE = 10;

/** By the number of their severity. */
const LEVELS: readonly LogLevel[] = [
  'fatal',
  'fatal',
  'fatal',
  'error',
  'warn',
  'info',
  'info',
  'debug',
];

/** Entries that are handed over together. */
interface Handed {
  readonly safe: Promise<void>;
  /** Of the last of them. */
  cursor: string;
  isSafe: boolean;
}

/** The journal of systemd, as `journalctl` follows it. Its cursor is kept once the entries before it are safe. */
export class JournaldInput implements LogInput {
  readonly name: string;
  readonly #config: JournaldInputConfig;
  readonly #context: LogInputContext;
  readonly #senders: SenderFields;
  readonly #cursorFile: string;
  #batcher: RecordBatcher | null = null;
  #child: ChildProcess | null = null;
  #restart: NodeJS.Timeout | null = null;
  #rest: Buffer = Buffer.alloc(0);
  /** The end of an entry that was too long is still to come. */
  #isPassingOver = false;
  /** Behind the last entry that is safe, as are all before it. */
  #cursor: string | null = null;
  /** Behind the last entry that was read by this run. */
  #readCursor: string | null = null;
  /** Since when entries are wanted where there is no cursor yet. */
  #startedMs = 0;
  /** Those that are not safe, and those behind them, in their order. */
  #handed: Handed[] = [];
  /** What is in the file. */
  #savedCursor: string | null = null;
  #saving: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(config: JournaldInputConfig, context: LogInputContext, senders: SenderFields) {
    this.name = config.name;
    this.#config = config;
    this.#context = context;
    this.#senders = senders;
    this.#cursorFile = join(context.dataDir, `${config.name}.cursor`);
  }

  async start(): Promise<void> {
    await mkdir(this.#context.dataDir, { recursive: true });
    this.#cursor = this.#savedCursor = await this.#load();
    this.#readCursor = this.#cursor;
    this.#batcher = new RecordBatcher(this.#context, this.name, true);
    await this.#follow();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    this.#child?.kill();
    await this.#batcher?.stop();
    await this.#saving;
  }

  async #load(): Promise<string | null> {
    try {
      const text = (await readFile(this.#cursorFile, 'utf8')).trim();
      return text === '' ? null : text;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return null;
      throw error;
    }
  }

  /** Rejects where the program is not there. */
  async #follow(): Promise<void> {
    const { program, directory, units, from } = this.#config;
    const args = [
      '--output=json',
      '--all',
      '--follow',
      ...this.#place(from),
      ...(directory === undefined ? [] : [`--directory=${directory}`]),
      ...units.map((unit) => `--unit=${unit}`),
    ];
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => {
        const isMissing = errorCode(error) === 'ENOENT';
        reject(
          new Error(
            isMissing
              ? `${program} is not on this machine; the journal is read by it`
              : `${program} cannot be started: ${error.message}`,
            { cause: error },
          ),
        );
      });
    });
    this.#child = child;
    this.#rest = Buffer.alloc(0);
    this.#isPassingOver = false;
    child.on('error', () => {});
    child.stdout.on('data', (bytes: Buffer) => this.#receive(child, bytes));
    child.on('close', (code, signal) => this.#ended(code, signal));
    if (this.#isStopped) child.kill();
  }

  /** Where reading begins. What was read by this run is not read again, be it safe yet or not. */
  #place(from: JournaldInputConfig['from']): string[] {
    if (this.#readCursor !== null) return [`--after-cursor=${this.#readCursor}`, '--no-tail'];
    if (from === 'beginning') return ['--no-tail'];
    if (this.#startedMs > 0) return [`--since=@${Math.floor(this.#startedMs / 1000)}`, '--no-tail'];
    this.#startedMs = Date.now();
    return ['--lines=0'];
  }

  #ended(code: number | null, signal: string | null): void {
    this.#child = null;
    if (this.#isStopped) return;
    const { logger, metrics } = this.#context;
    logger.warn('journalctl has ended, and is started again', { input: this.name, code, signal });
    metrics.up(this.name, false);
    this.#restart = setTimeout(() => {
      this.#follow().then(
        () => metrics.up(this.name, true),
        (error: unknown) => {
          logger.error('the journal cannot be read', error, { input: this.name });
          if (!this.#isStopped) this.#ended(null, null);
        },
      );
    }, RESTART_MS);
  }

  #receive(child: ChildProcess, bytes: Buffer): void {
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const end = rest.indexOf(NEWLINE);
      if (end < 0) break;
      const line = rest.subarray(0, end);
      rest = rest.subarray(end + 1);
      if (this.#isPassingOver) this.#isPassingOver = false;
      else if (line.length > 0) this.#add(line);
    }
    if (rest.length > MAX_LINE_BYTES) {
      if (!this.#isPassingOver) this.#context.metrics.dropped(this.name, 'too_long', 1);
      this.#isPassingOver = true;
      rest = Buffer.alloc(0);
    }
    this.#rest = Buffer.from(rest);
    if ((this.#batcher?.waitingBytes ?? 0) > WAITING_BYTES) child.stdout?.pause();
  }

  #add(line: Buffer): void {
    const batcher = this.#batcher;
    if (batcher === null) return;
    const entry = readJournalEntry(line);
    if (entry === null) {
      this.#context.metrics.dropped(this.name, 'malformed', 1);
      return;
    }
    const nowMs = Date.now();
    const { source } = this.#senders.of('');
    const safe = batcher.add((builder) => {
      builder.begin(source, entry.seconds, entry.nanos, nowMs);
      for (const [name, value] of entry.fields) builder.field(name, value);
      const level = entry.priority === null ? undefined : LEVELS[entry.priority];
      if (level !== undefined) builder.level(LOG_LEVELS.indexOf(level));
      builder.message(entry.message);
      builder.end();
    });
    if (entry.cursor !== '') this.#readCursor = entry.cursor;
    const last = this.#handed.at(-1);
    if (last?.safe === safe) {
      if (entry.cursor !== '') last.cursor = entry.cursor;
      return;
    }
    const handed: Handed = { safe, cursor: entry.cursor, isSafe: false };
    this.#handed.push(handed);
    void safe.then(
      () => this.#done(handed),
      () => {},
    );
  }

  /** The cursor goes no further than what is safe as a whole: what was refused may become safe after what came later. */
  #done(handed: Handed): void {
    handed.isSafe = true;
    const stdout = this.#child?.stdout;
    if (stdout?.isPaused() === true && (this.#batcher?.waitingBytes ?? 0) <= WAITING_BYTES) {
      stdout.resume();
    }
    let cursor = '';
    while (this.#handed[0]?.isSafe === true) cursor = this.#handed.shift()!.cursor || cursor;
    if (cursor === '') return;
    const isPending = this.#cursor !== this.#savedCursor;
    this.#cursor = cursor;
    if (isPending) return;
    this.#saving = this.#saving.then(() => this.#save());
  }

  async #save(): Promise<void> {
    const cursor = this.#cursor;
    try {
      await writeFileAtomically(this.#cursorFile, `${cursor}\n`);
    } catch (error) {
      // Entries since the last one that was kept come again after a restart.
      this.#context.logger.error('the cursor of the journal cannot be kept', error, {
        input: this.name,
      });
    }
    this.#savedCursor = cursor;
    if (this.#cursor !== cursor) await this.#save();
  }
}
