/**
 * Encodings of text that lines may be written in. In each a newline is one byte that is part of no other character, and what
 * is printable below 128, and follows nothing above, is ASCII.
 */
export const TEXT_ENCODINGS = [
  'utf-8',
  'gbk',
  'gb18030',
  'big5',
  'shift_jis',
  'euc-jp',
  'euc-kr',
  'windows-874',
  'windows-1250',
  'windows-1251',
  'windows-1252',
  'windows-1253',
  'windows-1254',
  'windows-1255',
  'windows-1256',
  'windows-1257',
  'windows-1258',
  'iso-8859-2',
  'iso-8859-3',
  'iso-8859-4',
  'iso-8859-5',
  'iso-8859-6',
  'iso-8859-7',
  'iso-8859-8',
  'iso-8859-10',
  'iso-8859-13',
  'iso-8859-14',
  'iso-8859-15',
  'iso-8859-16',
  'koi8-r',
  'koi8-u',
  'ibm866',
  'macintosh',
  'x-mac-cyrillic',
] as const;

export type TextEncoding = (typeof TEXT_ENCODINGS)[number];

/** Makes UTF-8 of text in another encoding; what stands for nothing there becomes U+FFFD. */
export class TextTranscoder {
  readonly #decoder: InstanceType<typeof TextDecoder> | null;

  constructor(encoding: TextEncoding) {
    this.#decoder = encoding === 'utf-8' ? null : new TextDecoder(encoding, { ignoreBOM: true });
  }

  /** @returns null where the bytes are UTF-8 as they are */
  toUtf8(bytes: Buffer, start: number, end: number): Buffer | null {
    const decoder = this.#decoder;
    if (decoder === null) return null;
    let at = start;
    while (at < end && bytes[at]! < 0x80) at++;
    return at === end ? null : Buffer.from(decoder.decode(bytes.subarray(start, end)));
  }
}
