/**
 * Where in an HTML document the output stands, after html/template: what a value must be escaped for depends on it.
 *
 * Go works the contexts out before it runs a template; here they are followed while the text is written, so the context
 * is that of the very output, whichever branches were taken.
 */
type HtmlState =
  | 'text'
  | 'tag'
  | 'attribute-name'
  | 'after-name'
  | 'before-value'
  | 'comment'
  | 'rcdata'
  | 'attribute'
  | 'url'
  | 'srcset'
  | 'js'
  | 'js-double'
  | 'js-single'
  | 'js-template'
  | 'js-regexp'
  | 'js-block-comment'
  | 'js-line-comment'
  | 'css'
  | 'css-double'
  | 'css-single'
  | 'css-double-url'
  | 'css-single-url'
  | 'css-url'
  | 'css-block-comment'
  | 'css-line-comment';

export type Delimiter = 'none' | 'double' | 'single' | 'space';
type Element = 'none' | 'script' | 'style' | 'textarea' | 'title';
type AttributeKind = 'none' | 'script' | 'style' | 'url' | 'srcset';

export interface HtmlContext {
  state: HtmlState;
  delimiter: Delimiter;
  /** How far a URL has got: nothing, before the query, in the query or fragment. */
  urlPart: 'none' | 'before-query' | 'query';
  /** Whether a slash in JavaScript would begin a regular expression or divide. */
  slashBeginsRegexp: boolean;
  element: Element;
  attribute: AttributeKind;
}

export function startContext(): HtmlContext {
  return {
    state: 'text',
    delimiter: 'none',
    urlPart: 'none',
    slashBeginsRegexp: true,
    element: 'none',
    attribute: 'none',
  };
}

const SPECIAL_ELEMENTS: ReadonlyMap<string, Element> = new Map([
  ['script', 'script'],
  ['style', 'style'],
  ['textarea', 'textarea'],
  ['title', 'title'],
]);

const URL_ATTRIBUTES = new Set(
  (
    'action archive background cite classid codebase data formaction href icon longdesc manifest poster profile src ' +
    'usemap xmlns'
  ).split(' '),
);
/** Attributes that choose what a document is or does are not URLs, whatever their name contains. */
const PLAIN_ATTRIBUTES = new Set(['srcdoc', 'srclang']);

function attributeKind(rawName: string): AttributeKind {
  let name = rawName.toLowerCase();
  if (name.startsWith('data-')) name = name.slice(5);
  else {
    const colon = name.indexOf(':');
    if (colon !== -1) {
      if (name.startsWith('xmlns:')) return 'url';
      name = name.slice(colon + 1);
    }
  }
  if (URL_ATTRIBUTES.has(name)) return 'url';
  if (name === 'srcset') return 'srcset';
  if (name === 'style') return 'style';
  if (PLAIN_ATTRIBUTES.has(name)) return 'none';
  if (name.startsWith('on')) return 'script';
  return /src|uri|url/.test(name) ? 'url' : 'none';
}

function contentState(element: Element): HtmlState {
  switch (element) {
    case 'none':
      return 'text';
    case 'script':
      return 'js';
    case 'style':
      return 'css';
    case 'textarea':
    case 'title':
      return 'rcdata';
  }
}

function valueState(attribute: AttributeKind): HtmlState {
  switch (attribute) {
    case 'none':
      return 'attribute';
    case 'script':
      return 'js';
    case 'style':
      return 'css';
    case 'url':
      return 'url';
    case 'srcset':
      return 'srcset';
  }
}

const SPACE = /[\t\n\f\r ]/;

/**
 * Follows a piece of the template's own text.
 * @param context is moved on
 * @returns the text to write: without HTML comments, and without comments in scripts and styles
 */
export function followText(context: HtmlContext, text: string): string {
  let written = '';
  let at = 0;
  while (at < text.length) {
    const before = at;
    const wasComment = isComment(context.state);
    at = followSome(context, text, at);
    const piece = text.slice(before, at);
    if (wasComment) {
      // A comment in code separates words as a space would, and a line comment ends at its line.
      if (context.state !== 'text' && !isComment(context.state)) {
        written += piece.endsWith('\n') ? '\n' : ' ';
      }
    } else if (isComment(context.state)) {
      written += piece.replace(/(?:<!--|\/\*|\/\/)$/, '');
    } else written += piece;
  }
  return written;
}

function isComment(state: HtmlState): boolean {
  return state === 'comment' || state.endsWith('-comment');
}

/** Takes as much text as stays in or ends the present state; moves the context; says where it got to. */
function followSome(context: HtmlContext, text: string, start: number): number {
  const { delimiter } = context;
  if (delimiter === 'none') {
    return followUndelimited(context, text, start, text.length);
  }
  // In an attribute's value the delimiter ends everything else.
  const end = endOfValue(text, start, delimiter);
  const stop = end === -1 ? text.length : end;
  if (stop > start) {
    const decoded = text.slice(start, stop);
    let at = 0;
    while (at < decoded.length) {
      at = Math.max(at + 1, followUndelimited(context, decoded, at, decoded.length));
    }
  }
  if (end === -1) return text.length;
  context.state = 'tag';
  context.delimiter = 'none';
  context.attribute = 'none';
  context.urlPart = 'none';
  return delimiter === 'space' ? Math.max(end, start) : end + 1;
}

function endOfValue(text: string, start: number, delimiter: Delimiter): number {
  if (delimiter === 'double') return text.indexOf('"', start);
  if (delimiter === 'single') return text.indexOf("'", start);
  for (let i = start; i < text.length; i++) {
    if (text[i] === '>' || SPACE.test(text[i]!)) return i;
  }
  return -1;
}

function followUndelimited(context: HtmlContext, text: string, start: number, end: number): number {
  switch (context.state) {
    case 'text':
      return followHtmlText(context, text, start);
    case 'tag':
      return followTag(context, text, start);
    case 'attribute-name':
      return followAttributeName(context, text, start);
    case 'after-name':
      return followAfterName(context, text, start);
    case 'before-value':
      return followBeforeValue(context, text, start);
    case 'comment': {
      const close = text.indexOf('-->', start);
      if (close === -1) return end;
      context.state = 'text';
      return close + 3;
    }
    case 'rcdata':
      return followSpecialEnd(context, text, start, end);
    case 'attribute':
    case 'srcset':
      return end;
    case 'url':
      if (/[?#]/.test(text.slice(start, end))) context.urlPart = 'query';
      else if (context.urlPart === 'none' && /\S/.test(text.slice(start, end))) {
        context.urlPart = 'before-query';
      }
      return end;
    case 'js':
    case 'js-double':
    case 'js-single':
    case 'js-template':
    case 'js-regexp':
    case 'js-block-comment':
    case 'js-line-comment':
    case 'css':
    case 'css-double':
    case 'css-single':
    case 'css-double-url':
    case 'css-single-url':
    case 'css-url':
    case 'css-block-comment':
    case 'css-line-comment':
      return followCode(context, text, start, end);
  }
}

function followHtmlText(context: HtmlContext, text: string, start: number): number {
  for (let at = start; ;) {
    const open = text.indexOf('<', at);
    if (open === -1) return text.length;
    if (text.startsWith('<!--', open)) {
      context.state = 'comment';
      return open + 4;
    }
    const tag = /^<(\/?)([a-zA-Z][a-zA-Z0-9:-]*)/.exec(text.slice(open, open + 128));
    if (tag !== null) {
      context.state = 'tag';
      const isClosing = tag[1] === '/';
      context.element = isClosing
        ? 'none'
        : (SPECIAL_ELEMENTS.get(tag[2]!.toLowerCase()) ?? 'none');
      return open + tag[0].length;
    }
    at = open + 1;
  }
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && SPACE.test(text[at]!)) at++;
  return at;
}

function followTag(context: HtmlContext, text: string, start: number): number {
  const at = skipSpace(text, start);
  if (at === text.length) return at;
  if (text[at] === '>') {
    context.state = contentState(context.element);
    context.slashBeginsRegexp = true;
    if (context.state === 'text') context.element = 'none';
    return at + 1;
  }
  if (text[at] === '/') return at + 1;
  context.state = 'attribute-name';
  return at;
}

function followAttributeName(context: HtmlContext, text: string, start: number): number {
  let at = start;
  while (at < text.length && !SPACE.test(text[at]!) && !'=>/'.includes(text[at]!)) at++;
  const name = text.slice(start, at);
  if (name !== '') context.attribute = attributeKind(name);
  // At the end of the text the name may go on with a value.
  if (at < text.length) context.state = 'after-name';
  return at;
}

function followAfterName(context: HtmlContext, text: string, start: number): number {
  const at = skipSpace(text, start);
  if (at === text.length) return at;
  if (text[at] !== '=') {
    context.state = 'tag';
    context.attribute = 'none';
    return at;
  }
  context.state = 'before-value';
  return at + 1;
}

/** Enters the value of an attribute. */
export function enterValue(context: HtmlContext, delimiter: Delimiter): void {
  context.state = valueState(context.attribute);
  context.delimiter = delimiter;
  context.urlPart = 'none';
  context.slashBeginsRegexp = true;
}

function followBeforeValue(context: HtmlContext, text: string, start: number): number {
  const at = skipSpace(text, start);
  if (at === text.length) return at;
  const quote = text[at];
  if (quote === '"' || quote === "'") {
    enterValue(context, quote === '"' ? 'double' : 'single');
    return at + 1;
  }
  enterValue(context, 'space');
  return at;
}

/** Looks for the closing tag of a script, style, title or textarea. */
function followSpecialEnd(context: HtmlContext, text: string, start: number, end: number): number {
  const close = closingTagAt(context, text, start);
  if (close === -1) return end;
  context.state = 'text';
  context.element = 'none';
  return close;
}

function closingTagAt(context: HtmlContext, text: string, start: number): number {
  if (context.element === 'none' || context.delimiter !== 'none') return -1;
  return text.toLowerCase().indexOf(`</${context.element}`, start);
}

const CODE_MARKS: Readonly<Partial<Record<HtmlState, RegExp>>> = {
  js: /["'`/]/g,
  'js-double': /\\[\s\S]|"/g,
  'js-single': /\\[\s\S]|'/g,
  'js-template': /\\[\s\S]|`/g,
  'js-regexp': /\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]|\//g,
  'js-block-comment': /\*\//g,
  'js-line-comment': /[\n\r\u2028\u2029]/g,
  css: /["']|\/[*/]|url\(\s*["']?/gi,
  'css-double': /\\[\s\S]|"/g,
  'css-single': /\\[\s\S]|'/g,
  'css-double-url': /\\[\s\S]|"/g,
  'css-single-url': /\\[\s\S]|'/g,
  'css-url': /[\s)]/g,
  'css-block-comment': /\*\//g,
  'css-line-comment': /[\n\f\r]/g,
};

function followCode(context: HtmlContext, text: string, start: number, end: number): number {
  const close = closingTagAt(context, text, start);
  const stop = close === -1 ? end : close;
  if (close === start) {
    context.state = 'text';
    context.element = 'none';
    return close;
  }
  const marks = CODE_MARKS[context.state]!;
  marks.lastIndex = start;
  for (;;) {
    const mark = marks.exec(text);
    if (mark === null || mark.index >= stop) {
      if (context.state === 'js') {
        context.slashBeginsRegexp = slashBeginsRegexp(text.slice(start, stop), context);
      }
      if (context.state.endsWith('url')) noteUrlText(context, text.slice(start, stop));
      return stop;
    }
    const after = mark.index + mark[0].length;
    if (mark[0].startsWith('\\') || mark[0].startsWith('[')) continue;
    const next = nextCodeState(context, text, start, mark[0], mark.index);
    if (next === null) continue;
    if (context.state.endsWith('url')) noteUrlText(context, text.slice(start, mark.index));
    context.state = next.state;
    return next.at ?? after;
  }
}

function noteUrlText(context: HtmlContext, text: string): void {
  if (/[?#]/.test(text)) context.urlPart = 'query';
  else if (context.urlPart === 'none' && /\S/.test(text)) context.urlPart = 'before-query';
}

function nextCodeState(
  context: HtmlContext,
  text: string,
  start: number,
  mark: string,
  index: number,
): { state: HtmlState; at?: number } | null {
  const { state } = context;
  if (state === 'js') {
    if (mark === '"') return { state: 'js-double' };
    if (mark === "'") return { state: 'js-single' };
    if (mark === '`') return { state: 'js-template' };
    const following = text[index + 1];
    if (following === '/') return { state: 'js-line-comment', at: index + 2 };
    if (following === '*') return { state: 'js-block-comment', at: index + 2 };
    if (slashBeginsRegexp(text.slice(start, index), context)) return { state: 'js-regexp' };
    context.slashBeginsRegexp = true;
    return null;
  }
  if (state === 'js-block-comment' || state === 'js-line-comment') return { state: 'js' };
  if (state.startsWith('js')) {
    context.slashBeginsRegexp = false;
    return { state: 'js' };
  }
  if (state !== 'css') return { state: 'css' };
  if (mark === '"') return { state: 'css-double' };
  if (mark === "'") return { state: 'css-single' };
  if (mark === '/*') return { state: 'css-block-comment' };
  if (mark === '//') return { state: 'css-line-comment' };
  context.urlPart = 'none';
  if (mark.endsWith('"')) return { state: 'css-double-url' };
  return { state: mark.endsWith("'") ? 'css-single-url' : 'css-url' };
}

const REGEXP_WORDS =
  /(?:^|[^\w$])(?:break|case|continue|delete|do|else|finally|in|instanceof|return|throw|try|typeof|void)$/;

/** Whether a slash after this code begins a regular expression rather than dividing. */
function slashBeginsRegexp(code: string, context: HtmlContext): boolean {
  const trimmed = code.trimEnd();
  if (trimmed === '') return context.slashBeginsRegexp;
  const last = trimmed.at(-1)!;
  if (last === '+' || last === '-') {
    // `x++ /` divides, `x + /` does not.
    const run = /[+-]+$/.exec(trimmed)![0];
    return run.split(last).length % 2 === 0;
  }
  if (last === '.') return !/\d\.$/.test(trimmed);
  if (',<>=*%&|^?!~([:;{}'.includes(last)) return true;
  return REGEXP_WORDS.test(trimmed);
}
