import { ForwardError } from './forward-error.ts';

const MAX_DEPTH = 32;

/** What a value is; `end` where the bytes are at their end. */
export type MsgpackKind =
  'nil' | 'boolean' | 'number' | 'text' | 'binary' | 'array' | 'map' | 'extension';

/** A value of an extension type, such as the protocol's EventTime (type 0). */
export interface MsgpackExtension {
  readonly type: number;
  readonly bytes: Buffer;
}

/**
 * Reads MessagePack, one value or one header at a time. After {@link next} the fields tell what was read; of text,
 * binary and extensions where they lie, of arrays and maps how many items follow.
 */
export class MsgpackReader {
  readonly bytes: Buffer;
  position: number;
  readonly end: number;
  kind: MsgpackKind = 'nil';
  /** Of a number or boolean. Integers beyond 2^53 lose their last digits. */
  number = 0;
  /** Bounds of text, binary and extensions. */
  valueStart = 0;
  valueEnd = 0;
  /** Items of an array, pairs of a map. */
  count = 0;
  extensionType = 0;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  get isAtEnd(): boolean {
    return this.position >= this.end;
  }

  /** Reads a value, or the header of an array or map. @throws ForwardError */
  next(): void {
    const tag = this.#take(1);
    const byte = this.bytes[tag]!;
    if (byte < 0x80) this.#is('number', byte);
    else if (byte < 0x90) this.#holds('map', byte & 15);
    else if (byte < 0xa0) this.#holds('array', byte & 15);
    else if (byte < 0xc0) this.#lies('text', byte & 31);
    else if (byte >= 0xe0) this.#is('number', byte - 256);
    else this.#tagged(byte);
  }

  /** The value that was read last as text. */
  text(): string {
    return this.bytes.toString('utf8', this.valueStart, this.valueEnd);
  }

  /** The value that begins at the position, as JavaScript has it; maps have no prototype. @throws ForwardError */
  readValue(depth = 0): unknown {
    if (depth > MAX_DEPTH) throw new ForwardError(`values nested more than ${MAX_DEPTH} deep`);
    this.next();
    switch (this.kind) {
      case 'nil':
        return null;
      case 'boolean':
        return this.number === 1;
      case 'number':
        return this.number;
      case 'text':
        return this.text();
      case 'binary':
        return Buffer.from(this.bytes.subarray(this.valueStart, this.valueEnd));
      case 'extension':
        return {
          type: this.extensionType,
          bytes: Buffer.from(this.bytes.subarray(this.valueStart, this.valueEnd)),
        } satisfies MsgpackExtension;
      case 'array':
        return this.#array(this.count, depth);
      case 'map':
        return this.#map(this.count, depth);
    }
  }

  /** Goes over the value that begins at the position. @throws ForwardError */
  skip(): void {
    for (let left = 1; left > 0; left--) {
      this.next();
      if (this.kind === 'array') left += this.count;
      else if (this.kind === 'map') left += this.count * 2;
    }
  }

  #array(count: number, depth: number): unknown[] {
    // A header may promise billions; each item takes a byte.
    this.#checkRoom(count);
    const items: unknown[] = [];
    for (let i = 0; i < count; i++) items.push(this.readValue(depth + 1));
    return items;
  }

  #map(count: number, depth: number): Record<string, unknown> {
    this.#checkRoom(count * 2);
    const map: Record<string, unknown> = { __proto__: null };
    for (let i = 0; i < count; i++) {
      this.next();
      if (this.kind !== 'text' && this.kind !== 'binary' && this.kind !== 'number') {
        throw new ForwardError(`a map’s key is a ${this.kind}; accepted is text`);
      }
      const key = this.kind === 'number' ? String(this.number) : this.text();
      map[key] = this.readValue(depth + 1);
    }
    return map;
  }

  #checkRoom(items: number): void {
    if (items > this.end - this.position) throw new ForwardError('it ends inside a list');
  }

  #tagged(byte: number): void {
    const { bytes } = this;
    switch (byte) {
      case 0xc0:
        this.kind = 'nil';
        return;
      case 0xc2:
      case 0xc3:
        this.kind = 'boolean';
        this.number = byte - 0xc2;
        return;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#lies('binary', this.#length(byte - 0xc4));
      case 0xc7:
      case 0xc8:
      case 0xc9: {
        const length = this.#length(byte - 0xc7);
        return this.#extension(length);
      }
      case 0xca:
        return this.#is('number', bytes.readFloatBE(this.#take(4)));
      case 0xcb:
        return this.#is('number', bytes.readDoubleBE(this.#take(8)));
      case 0xcc:
        return this.#is('number', bytes[this.#take(1)]!);
      case 0xcd:
        return this.#is('number', bytes.readUInt16BE(this.#take(2)));
      case 0xce:
        return this.#is('number', bytes.readUInt32BE(this.#take(4)));
      case 0xcf:
        return this.#is('number', Number(bytes.readBigUInt64BE(this.#take(8))));
      case 0xd0:
        return this.#is('number', bytes.readInt8(this.#take(1)));
      case 0xd1:
        return this.#is('number', bytes.readInt16BE(this.#take(2)));
      case 0xd2:
        return this.#is('number', bytes.readInt32BE(this.#take(4)));
      case 0xd3:
        return this.#is('number', Number(bytes.readBigInt64BE(this.#take(8))));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#extension(1 << (byte - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#lies('text', this.#length(byte - 0xd9));
      case 0xdc:
      case 0xdd:
        return this.#holds('array', this.#length(byte - 0xdb));
      case 0xde:
      case 0xdf:
        return this.#holds('map', this.#length(byte - 0xdd));
      default:
        throw new ForwardError(`byte 0x${byte.toString(16)} begins no value`);
    }
  }

  /** A length of 1, 2 or 4 bytes. */
  #length(sizeLog: number): number {
    if (sizeLog === 0) return this.bytes[this.#take(1)]!;
    return sizeLog === 1
      ? this.bytes.readUInt16BE(this.#take(2))
      : this.bytes.readUInt32BE(this.#take(4));
  }

  #extension(length: number): void {
    const type = this.bytes.readInt8(this.#take(1));
    this.#lies('extension', length);
    this.extensionType = type;
  }

  #is(kind: 'number', number: number): void {
    this.kind = kind;
    this.number = number;
  }

  #holds(kind: 'array' | 'map', count: number): void {
    this.kind = kind;
    this.count = count;
  }

  #lies(kind: 'text' | 'binary' | 'extension', length: number): void {
    this.valueStart = this.#take(length);
    this.valueEnd = this.position;
    this.kind = kind;
  }

  #take(count: number): number {
    const at = this.position;
    if (at + count > this.end) throw new ForwardError('it ends inside a value');
    this.position = at + count;
    return at;
  }
}
