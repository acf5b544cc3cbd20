import { htmlEscape } from './builtins.ts';
import type { OutputWriter } from './execution.ts';
import { printValue } from './go-fmt.ts';
import { toGoJson } from './go-json.ts';
import { GoTime } from './go-time.ts';
import { GoMap, GoMarked, GoSlice, GoStruct, type GoValue } from './go-value.ts';
import { enterValue, followText, type HtmlContext, startContext } from './html-context.ts';

/** What html/template writes in place of a value that would be dangerous where it stands. */
const UNSAFE = 'ZgotmplZ';

/** Collects HTML, escaping every value for the place in the document it goes to (html/template). */
export class HtmlWriter implements OutputWriter {
  readonly #parts: string[] = [];
  readonly #context: HtmlContext = startContext();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  writeText(text: string): void {
    this.#push(followText(this.#context, text));
  }

  writeValue(value: GoValue): void {
    this.#push(escapeValue(this.#context, value));
  }

  finish(): string {
    return this.#parts.join('');
  }

  #push(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
  }
}

function plainText(value: GoValue): string {
  return value === null ? '' : printValue(value);
}

/** Escapes a value for where the context stands, and moves the context past it. */
function escapeValue(context: HtmlContext, value: GoValue): string {
  // A value begins an attribute's name or an unquoted attribute's value where the text had come to their start.
  if (context.state === 'tag') context.state = 'attribute-name';
  else if (context.state === 'after-name') context.state = 'attribute-name';
  else if (context.state === 'before-value') enterValue(context, 'space');
  const isHtml = value instanceof GoMarked && value.mark === 'HTML';
  switch (context.state) {
    case 'text':
      return isHtml ? plainText(value) : escapeHtml(plainText(value));
    case 'rcdata':
      return isHtml ? normalizeHtml(plainText(value)) : escapeHtml(plainText(value));
    case 'attribute-name':
    case 'before-value':
      return htmlName(plainText(value));
    case 'comment':
    case 'js-block-comment':
    case 'js-line-comment':
    case 'css-block-comment':
    case 'css-line-comment':
      return '';
    case 'attribute':
      return forDelimiter(context, plainText(value), isHtml);
    case 'url':
    case 'srcset':
      return forDelimiter(context, escapeUrl(context, value), false);
    case 'css-url':
    case 'css-double-url':
    case 'css-single-url':
      return forDelimiter(context, escapeUrl(context, value), false);
    case 'js':
      context.slashBeginsRegexp = false;
      return forDelimiter(context, jsValue(value), false);
    case 'js-double':
    case 'js-single':
    case 'js-template':
      return forDelimiter(context, jsString(plainText(value)), false);
    case 'js-regexp':
      return forDelimiter(context, jsRegexp(plainText(value)), false);
    case 'css':
      return forDelimiter(context, cssValue(plainText(value)), false);
    case 'css-double':
    case 'css-single':
      return forDelimiter(context, cssString(plainText(value)), false);
  }
}

function forDelimiter(context: HtmlContext, text: string, isHtml: boolean): string {
  switch (context.delimiter) {
    case 'none':
      return text;
    case 'space':
      return unquoted(isHtml ? stripTags(text) : text);
    case 'double':
    case 'single':
      return isHtml ? normalizeHtml(stripTags(text)) : escapeHtml(text);
  }
}

function escapeHtml(text: string): string {
  return htmlEscape(text).replaceAll('+', '&#43;');
}

/** Escapes what text that is HTML already must not contain in an attribute, leaving its entities. */
function normalizeHtml(text: string): string {
  return text.replace(/[\0"'+<>]/g, (character) => escapeHtml(character));
}

function unquoted(text: string): string {
  if (text === '') return UNSAFE;
  return text.replace(/[\0\t\n\v\f\r "&'+<=>`]/g, (character) =>
    character === '\0' ? '&#xfffd;' : `&#${character.charCodeAt(0)};`,
  );
}

function stripTags(text: string): string {
  return text.replace(/<!--[\s\S]*?(?:-->|$)|<\/?[a-zA-Z][^>]*(?:>|$)/g, '');
}

function htmlName(text: string): string {
  return /^[a-z0-9]+$/i.test(text) && !/^(?:on|style|src|href|xmlns)/i.test(text) ? text : UNSAFE;
}

function escapeUrl(context: HtmlContext, value: GoValue): string {
  const isMarked = value instanceof GoMarked && value.mark === 'URL';
  let text = plainText(value);
  if (context.urlPart === 'query') return percentEncode(text, isMarked);
  if (context.urlPart === 'none') {
    context.urlPart = 'before-query';
    if (!isMarked && !hasSafeScheme(text)) text = `#${UNSAFE}`;
  }
  if (/[?#]/.test(text) && isMarked) context.urlPart = 'query';
  return percentEncode(text, true);
}

function hasSafeScheme(text: string): boolean {
  const colon = text.indexOf(':');
  if (colon === -1 || text.slice(0, colon).includes('/')) return true;
  return ['http', 'https', 'mailto'].includes(text.slice(0, colon).toLowerCase());
}

/** @param keepsReserved leave what means something in a URL, and existing escapes, as they are */
function percentEncode(text: string, keepsReserved: boolean): string {
  const bytes = Buffer.from(text, 'utf8');
  let encoded = '';
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    const character = String.fromCharCode(byte);
    const isUnreserved = byte < 0x80 && /[A-Za-z0-9\-._~]/.test(character);
    const isReserved = keepsReserved && '!#$&*+,/:;=?@[]'.includes(character);
    const isEscape =
      keepsReserved &&
      character === '%' &&
      /^[0-9a-fA-F]{2}$/.test(bytes.toString('latin1', i + 1, i + 3));
    encoded +=
      isUnreserved || (byte < 0x80 && isReserved) || isEscape
        ? character
        : `%${byte.toString(16).padStart(2, '0')}`;
  }
  return encoded;
}

/** A value as a JavaScript expression. */
function jsValue(value: GoValue): string {
  let json: string;
  if (value === null) json = 'null';
  else if (value instanceof GoMarked) json = toGoJson(value.text);
  else if (value instanceof GoTime) json = toGoJson(value);
  else if (
    (value instanceof GoMap || value instanceof GoSlice || value instanceof GoStruct) &&
    value.type.toText !== undefined
  ) {
    json = toGoJson(value.type.toText(value));
  } else if (typeof value === 'number' && !Number.isFinite(value)) json = 'null';
  else json = toGoJson(value);
  const safe = json.replaceAll('</script', '\\u003c/script');
  // A number next to a word must not grow together with it.
  return /^[\w-]/.test(safe) ? ` ${safe} ` : safe;
}

const JS_SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\f', '\\f'],
  ['\r', '\\r'],
  ['\\', '\\\\'],
  ['/', '\\/'],
]);

function jsString(text: string): string {
  return text.replace(/[\p{Cc}"'`&+/<>\\\u2028\u2029]/gu, (character) => {
    const code = character.charCodeAt(0);
    if (code >= 0x7f && code < 0x2028) return character;
    return JS_SHORT_ESCAPES.get(character) ?? `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

function jsRegexp(text: string): string {
  // An empty expression would make a comment of the slashes around it.
  if (text === '') return '(?:)';
  return jsString(text).replace(/[$()*\-.?[\]^{|}]/g, '\\$&');
}

function cssString(text: string): string {
  return text.replace(/[\0\t\n\f\r"&'()+/:;<>\\{}]/g, (character, index: number) => {
    const next = text[index + 1] ?? '';
    const separator = /[0-9a-fA-F\t\n\f\r ]/.test(next) ? ' ' : '';
    return `\\${character.charCodeAt(0).toString(16)}${separator}`;
  });
}

function cssValue(text: string): string {
  if (/[\0"'()/;@[\\\]`{}<>]|--/.test(text)) return UNSAFE;
  const id = text.toLowerCase();
  return id.includes('expression') || id.includes('mozbinding') ? UNSAFE : text;
}
