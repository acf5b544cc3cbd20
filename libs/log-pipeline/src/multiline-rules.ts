import {
  afterBlanks,
  asciiBytes,
  beginsRecord,
  beginsWith,
  holds,
  isDigitByte,
  isLetterByte,
} from './line-shapes.ts';

/**
 * How the lines of one kind of record follow each other, as a machine over lines. State 0 is a record of one line of which
 * nothing is known; a rule numbers its others as it likes.
 */
export interface MultilineRule {
  readonly name: string;
  /** Its records are stack traces: one that tells no level is an error's. */
  readonly isTrace: boolean;
  /** The state after a line that begins a record of this kind, or 0 when it begins none. */
  begin(bytes: Buffer, start: number, end: number): number;
  /**
   * The state after a line that goes on with the record, or -1 when it belongs to it no more.
   * @param state before the line; 0 for a record of one line that no rule has begun
   * @param isTrouble that record of one line is a logger's and tells of trouble
   */
  next(state: number, isTrouble: boolean, bytes: Buffer, start: number, end: number): number;
}

/** Line by line, texts are compared after the blanks in front of them. */
const AT = asciiBytes('at ');
const DOTS = asciiBytes('... ');
const CAUSED = asciiBytes('Caused by: ');
const SUPPRESSED = asciiBytes('Suppressed: ');
const IN_THREAD = asciiBytes('Exception in thread "');
const JAVA_ENDS = ['Exception', 'Error', 'Throwable'].map(asciiBytes);

const END = -1;

/** A message after `Caused by:` or an exception's name may have lines of its own. */
const java: MultilineRule = {
  name: 'java',
  isTrace: true,
  begin(bytes, start, end) {
    return beginsWith(bytes, start, end, IN_THREAD) || isExceptionLine(bytes, start, end) ? 1 : 0;
  },
  next(state, isTrouble, bytes, start, end) {
    const at = afterBlanks(bytes, start, end);
    if (at > start && (beginsWith(bytes, at, end, AT) || isMoreFrames(bytes, at, end))) return 2;
    if (beginsWith(bytes, at, end, CAUSED)) return 1;
    if (at > start && beginsWith(bytes, at, end, SUPPRESSED)) return 1;
    if (state === 0) return isTrouble && isExceptionLine(bytes, start, end) ? 1 : END;
    return state === 1 && !beginsRecord(bytes, start, end) ? 1 : END;
  },
};

/** `... 23 more`, `... 23 common frames omitted`, `... 5 lines matching cause stack trace ...`. */
function isMoreFrames(bytes: Uint8Array, start: number, end: number): boolean {
  return beginsWith(bytes, start, end, DOTS) && isDigitByte(bytes[start + DOTS.length]);
}

/** `java.lang.IllegalStateException: text`, also without the text. The name has a dot, or it might be any word. */
function isExceptionLine(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  let hasDot = false;
  while (at < end && isNameByte(bytes[at]!)) {
    if (bytes[at] === 46) hasDot = true;
    at++;
  }
  if (!hasDot || (at < end && bytes[at] !== 58)) return false;
  return JAVA_ENDS.some(
    (suffix) => at - start > suffix.length && beginsWith(bytes, at - suffix.length, at, suffix),
  );
}

function isNameByte(code: number): boolean {
  return isLetterByte(code) || isDigitByte(code) || code === 46 || code === 36 || code === 95;
}

const TRACEBACK = asciiBytes('Traceback (most recent call last):');
const GROUP_TRACEBACK = asciiBytes('+ Exception Group Traceback (most recent call last):');
const DIRECT_CAUSE = asciiBytes('The above exception was the direct cause');
const DURING = asciiBytes('During handling of the above exception');

/** 1: frames; 2: the exception and what it says; 3: a blank behind it; 4: between two exceptions; 5: a group's tree. */
const python: MultilineRule = {
  name: 'python',
  isTrace: true,
  begin(bytes, start, end) {
    if (beginsWith(bytes, start, end, TRACEBACK)) return 1;
    const at = afterBlanks(bytes, start, end);
    return beginsWith(bytes, at, end, GROUP_TRACEBACK) ? 5 : 0;
  },
  next(state, isTrouble, bytes, start, end) {
    const at = afterBlanks(bytes, start, end);
    const isBlank = at >= end;
    switch (state) {
      case 0:
        return isTrouble ? python.begin(bytes, start, end) || END : END;
      case 1:
        if (isBlank || at > start) return 1;
        return beginsRecord(bytes, start, end) ? END : 2;
      case 2:
        if (isBlank) return 3;
        return at > start || !beginsRecord(bytes, start, end) ? 2 : END;
      case 3:
      case 4:
        if (isBlank) return state;
        if (beginsWith(bytes, start, end, DIRECT_CAUSE)) return 4;
        if (beginsWith(bytes, start, end, DURING)) return 4;
        return state === 4 && beginsWith(bytes, start, end, TRACEBACK) ? 1 : END;
      default:
        return bytes[at] === 124 || (at > start && bytes[at] === 43) ? 5 : END;
    }
  },
};

const NODE_VERSION = asciiBytes('Node.js v');

/**
 * 1: frames; 2: an object behind the last frame; 3: after its end; 4: the place of an uncaught error; 6, 7: its line and
 * the mark under it; 5: the blank behind that.
 */
const node: MultilineRule = {
  name: 'node',
  isTrace: true,
  begin(bytes, start, end) {
    return isSourcePlace(bytes, start, end) ? 4 : 0;
  },
  next(state, _isTrouble, bytes, start, end) {
    const at = afterBlanks(bytes, start, end);
    const isBlank = at >= end;
    if (state === 2) {
      if (at > start || isBlank) return 2;
      return bytes[start] === 125 || bytes[start] === 93 ? 3 : END;
    }
    if (at > start && (beginsWith(bytes, at, end, AT) || isMoreFrames(bytes, at, end))) {
      return bytes[end - 1] === 123 ? 2 : 1;
    }
    switch (state) {
      case 1:
      case 3:
        return isBlank || beginsWith(bytes, start, end, NODE_VERSION) ? 3 : END;
      case 4:
      case 6:
      case 7:
        if (isBlank) return state === 4 ? END : 5;
        if (isDigitByte(bytes[start]) && beginsRecord(bytes, start, end)) return END;
        return state === 4 ? 6 : 7;
      case 5:
        return isBlank || beginsRecord(bytes, start, end) ? END : 5;
      default:
        return END;
    }
  },
};

/** `/app/a.js:3`, `file:///app/a.mjs:3`, `<anonymous_script>:1`, and nothing else on the line. */
function isSourcePlace(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start];
  if (first !== 47 && first !== 60 && !beginsWith(bytes, start, end, FILE_URL)) return false;
  let at = end;
  while (at > start && isDigitByte(bytes[at - 1])) at--;
  if (at === end || bytes[at - 1] !== 58) return false;
  for (let i = start; i < at; i++) if (bytes[i] === 32) return false;
  return true;
}

const FILE_URL = asciiBytes('file://');
const PANIC = asciiBytes('panic: ');
const FATAL_ERROR = asciiBytes('fatal error: ');
const GOROUTINE = asciiBytes('goroutine ');
const RUNTIME_STACK = asciiBytes('runtime stack:');
const SIGNAL = asciiBytes('[signal ');
const CREATED = asciiBytes('created by ');
const ELIDED = asciiBytes('...');
const EXIT_STATUS = asciiBytes('exit status ');

/** 1: the panic; 2: a blank; 3: a goroutine's frames. */
const go: MultilineRule = {
  name: 'go',
  isTrace: true,
  begin(bytes, start, end) {
    if (beginsWith(bytes, start, end, PANIC)) return 1;
    if (beginsWith(bytes, start, end, FATAL_ERROR)) return 1;
    return beginsWith(bytes, start, end, GOROUTINE) && bytes[end - 1] === 58 ? 3 : 0;
  },
  next(state, _isTrouble, bytes, start, end) {
    const at = afterBlanks(bytes, start, end);
    if (state !== 0 && at >= end) return 2;
    if (beginsWith(bytes, start, end, GOROUTINE) && bytes[end - 1] === 58) return 3;
    if (state === 0) return END;
    if (beginsWith(bytes, start, end, RUNTIME_STACK)) return 3;
    if (beginsWith(bytes, start, end, EXIT_STATUS)) return state;
    switch (state) {
      case 1:
        if (beginsWith(bytes, at, end, PANIC) || beginsWith(bytes, start, end, SIGNAL)) return 1;
        return at > start ? 1 : END;
      case 3:
        if (at > start || beginsWith(bytes, start, end, CREATED)) return 3;
        if (beginsWith(bytes, start, end, ELIDED)) return 3;
        return bytes[end - 1] === 41 && bytes.subarray(start, end).includes(40) ? 3 : END;
      default:
        return END;
    }
  },
};

const RUBY_PLACE = asciiBytes('.rb:');
const FROM = asciiBytes('from ');

const ruby: MultilineRule = {
  name: 'ruby',
  isTrace: true,
  begin(bytes, start, end) {
    return isRubyPlace(bytes, start, end) ? 1 : 0;
  },
  next(state, isTrouble, bytes, start, end) {
    const at = afterBlanks(bytes, start, end);
    if (state === 0) {
      if (at > start && beginsWith(bytes, at, end, FROM)) return 1;
      return isTrouble && isRubyPlace(bytes, start, end) ? 1 : END;
    }
    if (at > start || at >= end) return 1;
    return isRubyPlace(bytes, start, end) && !holds(bytes, start, end, ERROR_END) ? 1 : END;
  },
};

const ERROR_END = asciiBytes('Error)');

/** `app.rb:3:in …` */
function isRubyPlace(bytes: Buffer, start: number, end: number): boolean {
  let at = start;
  while (at < end && bytes[at]! > 32 && bytes[at] !== 58) at++;
  return beginsWith(bytes, at - 3, end, RUBY_PLACE) && isDigitByte(bytes[at + 1]);
}

const UNHANDLED = asciiBytes('Unhandled exception');
const ARROW = asciiBytes('---> ');
const INNER_END = asciiBytes('--- End of ');

const dotnet: MultilineRule = {
  name: 'dotnet',
  isTrace: true,
  begin(bytes, start, end) {
    return beginsWith(bytes, start, end, UNHANDLED) || isExceptionLine(bytes, start, end) ? 1 : 0;
  },
  next(state, isTrouble, bytes, start, end) {
    const at = afterBlanks(bytes, start, end);
    if (at > start) {
      if (beginsWith(bytes, at, end, AT) || beginsWith(bytes, at, end, ARROW)) return 2;
      if (beginsWith(bytes, at, end, INNER_END)) return 2;
    }
    if (beginsWith(bytes, start, end, INNER_END)) return state;
    if (state === 0) {
      return isTrouble && dotnet.begin(bytes, at, end) !== 0 ? 1 : END;
    }
    return state === 1 && at < end && !beginsRecord(bytes, start, end) ? 1 : END;
  },
};

const THREAD = asciiBytes("thread '");
const PANICKED = asciiBytes("' panicked at ");
const BACKTRACE = asciiBytes('stack backtrace:');
const NOTE = asciiBytes('note: ');

/** 1: the message; 2: the frames; 3: a note, which ends it. */
const rust: MultilineRule = {
  name: 'rust',
  isTrace: true,
  begin(bytes, start, end) {
    return beginsWith(bytes, start, end, THREAD) && holds(bytes, start, end, PANICKED) ? 1 : 0;
  },
  next(state, _isTrouble, bytes, start, end) {
    if (state !== 1 && state !== 2) return END;
    if (beginsWith(bytes, start, end, BACKTRACE)) return 2;
    if (beginsWith(bytes, start, end, NOTE)) return 3;
    if (state === 1) return beginsRecord(bytes, start, end) ? END : 1;
    return bytes[start] === 32 ? 2 : END;
  },
};

/** Rules that are there without being configured, in the order in which they are tried. */
export const MULTILINE_RULES: readonly MultilineRule[] = [
  java,
  python,
  node,
  go,
  ruby,
  dotnet,
  rust,
];
