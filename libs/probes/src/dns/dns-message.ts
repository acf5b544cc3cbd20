import { ip4Text, ip6Text, labelText, quotedText } from './presentation.ts';

/** Types by their numbers, as far as they have a name here. */
export const DNS_TYPES: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  LOC: 29,
  SRV: 33,
  NAPTR: 35,
  DNAME: 39,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  TLSA: 52,
  SVCB: 64,
  HTTPS: 65,
  SPF: 99,
  ANY: 255,
  CAA: 257,
};

export const DNS_CLASSES: Readonly<Record<string, number>> = {
  IN: 1,
  CS: 2,
  CH: 3,
  HS: 4,
  NONE: 254,
  ANY: 255,
};

/** Answers' codes (RFC 1035, 2136, 2845), as they are configured. */
export const DNS_RCODES: Readonly<Record<string, number>> = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
};

const TYPE_NAMES = namesOf(DNS_TYPES);
const CLASS_NAMES = namesOf(DNS_CLASSES);
const RCODE_NAMES = namesOf(DNS_RCODES);

function namesOf(numbers: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(numbers).map(([name, number]) => [number, name]));
}

/** A question to a server. */
export interface DnsQuery {
  /** 0 to 65535; the answer has the same. */
  readonly id: number;
  /** Dots between labels; with or without the last one. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly isRecursionDesired: boolean;
}

/** One resource record. */
export interface DnsRecord {
  readonly type: number;
  /** As a line of a zone file with tabs: name, TTL, class, type, data. */
  readonly text: string;
  /** The zone's version, of a SOA record. */
  readonly serial: number | null;
}

/** What a server said. */
export interface DnsMessage {
  readonly id: number;
  readonly isResponse: boolean;
  /** `NOERROR`, or `RCODE12` where the number has no name here. */
  readonly rcode: string;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

/** A message that is none. */
export class DnsMessageError extends Error {
  override readonly name = 'DnsMessageError';
}

const HEADER_BYTES = 12;
const MAX_LABEL_BYTES = 63;
const MAX_NAME_BYTES = 255;
/** No name has more labels, so none needs more jumps. */
const MAX_JUMPS = 128;

/** The message of a question (RFC 1035 §4). @throws DnsMessageError for a name that cannot be one */
export function encodeDnsQuery(query: DnsQuery): Buffer {
  const name = encodeName(query.name);
  const bytes = Buffer.alloc(HEADER_BYTES + name.length + 4);
  bytes.writeUInt16BE(query.id, 0);
  bytes.writeUInt16BE(query.isRecursionDesired ? 0x0100 : 0, 2);
  bytes.writeUInt16BE(1, 4);
  name.copy(bytes, HEADER_BYTES);
  bytes.writeUInt16BE(query.type, HEADER_BYTES + name.length);
  bytes.writeUInt16BE(query.class, HEADER_BYTES + name.length + 2);
  return bytes;
}

function encodeName(name: string): Buffer {
  const labels = name.replace(/\.$/, '').split('.');
  const parts: Buffer[] = [];
  for (const label of name === '' || name === '.' ? [] : labels) {
    const text = Buffer.from(label, 'latin1');
    if (text.length === 0 || text.length > MAX_LABEL_BYTES || /[^\x21-\x7e]/.test(label)) {
      throw new DnsMessageError('the name has a label that is empty, too long or not ASCII');
    }
    parts.push(Buffer.of(text.length), text);
  }
  parts.push(Buffer.of(0));
  const bytes = Buffer.concat(parts);
  if (bytes.length > MAX_NAME_BYTES) throw new DnsMessageError('the name is too long');
  return bytes;
}

/** Reads a message of up to 64 KiB. @throws DnsMessageError */
export function decodeDnsMessage(bytes: Buffer): DnsMessage {
  if (bytes.length < HEADER_BYTES) throw new DnsMessageError('the message is too short');
  const flags = bytes.readUInt16BE(2);
  const reader = new Reader(bytes);
  const counts = [4, 6, 8, 10].map((offset) => bytes.readUInt16BE(offset));
  for (let i = 0; i < counts[0]!; i++) {
    reader.name();
    reader.skip(4);
  }
  const records = (count: number): DnsRecord[] =>
    Array.from({ length: count }, () => record(reader));
  const rcode = flags & 0xf;
  return {
    id: bytes.readUInt16BE(0),
    isResponse: (flags & 0x8000) !== 0,
    rcode: RCODE_NAMES.get(rcode) ?? `RCODE${rcode}`,
    answers: records(counts[1]!),
    authorities: records(counts[2]!),
    additionals: records(counts[3]!),
  };
}

function record(reader: Reader): DnsRecord {
  const name = reader.name();
  const type = reader.uint16();
  const classNumber = reader.uint16();
  const ttl = reader.uint32();
  const length = reader.uint16();
  const end = reader.position + length;
  reader.check(length);
  const className = CLASS_NAMES.get(classNumber) ?? `CLASS${classNumber}`;
  const typeName = TYPE_NAMES.get(type) ?? `TYPE${type}`;
  const start = reader.position;
  const data = dataText(reader, type, end);
  const serial = type === DNS_TYPES['SOA'] ? Number(data.split(' ')[2]) : null;
  if (reader.position !== end) {
    throw new DnsMessageError(`a record of type ${typeName} is ${end - start} bytes long`);
  }
  return { type, text: [name, ttl, className, typeName, data].join('\t'), serial };
}

/** The data of a record as a zone file has it; types without a form of their own as in RFC 3597. */
function dataText(reader: Reader, type: number, end: number): string {
  switch (TYPE_NAMES.get(type) ?? '') {
    case 'A':
      return ip4Text(reader.bytes(4));
    case 'AAAA':
      return ip6Text(reader.bytes(16));
    case 'NS':
    case 'CNAME':
    case 'PTR':
    case 'DNAME':
      return reader.name();
    case 'MX':
      return `${reader.uint16()} ${reader.name()}`;
    case 'SRV':
      return `${reader.uint16()} ${reader.uint16()} ${reader.uint16()} ${reader.name()}`;
    case 'SOA': {
      const names = `${reader.name()} ${reader.name()}`;
      const numbers = Array.from({ length: 5 }, () => reader.uint32());
      return `${names} ${numbers.join(' ')}`;
    }
    case 'TXT':
    case 'SPF':
    case 'HINFO':
      return strings(reader, end);
    case 'CAA': {
      const flag = reader.uint8();
      const tag = reader.bytes(reader.uint8()).toString('latin1');
      return `${flag} ${tag} ${quotedText(reader.bytes(end - reader.position))}`;
    }
    case 'DS':
    case 'TLSA':
      return digest(reader, end, type === DNS_TYPES['DS']);
    case 'DNSKEY': {
      const numbers = `${reader.uint16()} ${reader.uint8()} ${reader.uint8()}`;
      return `${numbers} ${reader.bytes(end - reader.position).toString('base64')}`;
    }
    default: {
      const length = end - reader.position;
      return `\\# ${length} ${reader.bytes(length).toString('hex')}`.trimEnd();
    }
  }
}

function strings(reader: Reader, end: number): string {
  const texts: string[] = [];
  while (reader.position < end) texts.push(quotedText(reader.bytes(reader.uint8())));
  return texts.join(' ');
}

function digest(reader: Reader, end: number, hasKeyTag: boolean): string {
  const numbers = hasKeyTag
    ? [reader.uint16(), reader.uint8(), reader.uint8()]
    : [reader.uint8(), reader.uint8(), reader.uint8()];
  const hex = reader.bytes(end - reader.position).toString('hex');
  return `${numbers.join(' ')} ${hasKeyTag ? hex.toUpperCase() : hex}`;
}

/** A cursor over a message; it never leaves it. */
class Reader {
  readonly #bytes: Buffer;
  position = HEADER_BYTES;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  check(length: number): void {
    if (length < 0 || this.position + length > this.#bytes.length) {
      throw new DnsMessageError('the message ends inside a record');
    }
  }

  skip(length: number): void {
    this.check(length);
    this.position += length;
  }

  bytes(length: number): Buffer {
    this.skip(length);
    return this.#bytes.subarray(this.position - length, this.position);
  }

  uint8(): number {
    return this.bytes(1).readUInt8(0);
  }

  uint16(): number {
    return this.bytes(2).readUInt16BE(0);
  }

  uint32(): number {
    return this.bytes(4).readUInt32BE(0);
  }

  /** A name with its last dot. A pointer leads back, so a name always ends. */
  name(): string {
    let text = '';
    let length = 0;
    let at = this.position;
    let limit = at;
    let jumps = 0;
    for (;;) {
      const size = this.#byteAt(at);
      if (size >= 0xc0) {
        const target = ((size & 0x3f) << 8) | this.#byteAt(at + 1);
        if (jumps === 0) this.position = at + 2;
        if (target >= limit || ++jumps > MAX_JUMPS)
          throw new DnsMessageError('a name points forward or too often');
        limit = target;
        at = target;
        continue;
      }
      if (size > MAX_LABEL_BYTES) throw new DnsMessageError('a name has a label of unknown kind');
      at += 1 + size;
      if (at > this.#bytes.length) throw new DnsMessageError('the message ends inside a name');
      length += 1 + size;
      if (length > MAX_NAME_BYTES) throw new DnsMessageError('a name is too long');
      if (size === 0) break;
      text += `${labelText(this.#bytes.subarray(at - size, at))}.`;
    }
    if (jumps === 0) this.position = at;
    return text === '' ? '.' : text;
  }

  #byteAt(at: number): number {
    const byte = this.#bytes[at];
    if (byte === undefined) throw new DnsMessageError('the message ends inside a name');
    return byte;
  }
}
