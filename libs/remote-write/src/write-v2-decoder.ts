import { BatchAssembly } from './batch-assembly.ts';
import { type DecodedWrite, type DecodeLimits, DEFAULT_DECODE_LIMITS } from './decoded-write.ts';
import {
  checkedLabels,
  checkedPairs,
  decodeUtf8,
  MAX_LABELS,
  TOO_MANY_LABELS,
} from './label-checks.ts';
import type { ReadLabels } from './label-set-cache.ts';
import { BYTES, type ProtobufReader, VARINT } from '#libs/protobuf';
import { MessageReader } from './message-reader.ts';
import { RemoteWriteError } from './remote-write-error.ts';

/** Fields of `io.prometheus.write.v2.Request` and its parts. */
const REQUEST_SYMBOLS = 4;
const REQUEST_TIMESERIES = 5;
const SERIES_LABELS_REFS = 1;
const SERIES_SAMPLES = 2;
const SERIES_HISTOGRAMS = 3;
const SERIES_EXEMPLARS = 4;
const SERIES_METADATA = 5;
/** Of the release candidates before rc.4; since then each sample says it. */
const SERIES_CREATED_TIMESTAMP = 6;
const METADATA_TYPE = 1;
const METADATA_HELP_REF = 3;
const METADATA_UNIT_REF = 4;

/**
 * Decodes remote write 2.0 (`io.prometheus.write.v2.Request`): its float samples and metadata. References outside the
 * table of symbols refuse the series, as does an odd number of them.
 * @param message the request after decompression
 * @throws RemoteWriteError when it is no such message or too large; nothing of it is usable then
 */
export function decodeWriteV2(
  message: Buffer,
  limits: DecodeLimits = DEFAULT_DECODE_LIMITS,
): DecodedWrite {
  const reader = new MessageReader(message);
  const assembly = new BatchAssembly(limits);
  // Fields may come in any order, so the symbols are collected before the first series is read.
  const symbols: string[] = [];
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    if (tag >>> 3 === REQUEST_SYMBOLS) {
      reader.expectWireType(tag, BYTES);
      if (symbols.length >= limits.maxSymbols) {
        const reason = `more than ${limits.maxSymbols} symbols in one request`;
        throw new RemoteWriteError('too_large', reason, reader.position);
      }
      const end = reader.readLengthEnd();
      symbols.push(decodeUtf8(message, reader.position, end));
      reader.position = end;
    } else {
      if (tag >>> 3 === REQUEST_TIMESERIES) reader.expectWireType(tag, BYTES);
      reader.skip(tag);
    }
  }
  reader.position = 0;
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    if (tag >>> 3 === REQUEST_TIMESERIES) readSeries(reader, symbols, assembly);
    else reader.skip(tag);
  }
  return assembly.take();
}

function readSeries(
  reader: ProtobufReader,
  symbols: readonly string[],
  assembly: BatchAssembly,
): void {
  const seriesEnd = reader.readLengthEnd();
  const outerEnd = reader.end;
  const start = reader.position;
  reader.end = seriesEnd;
  const refs: number[] = [];
  let createdMs = 0;
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    if (tag >>> 3 === SERIES_LABELS_REFS) {
      readRefs(reader, tag, refs);
    } else if (tag === SERIES_CREATED_TIMESTAMP * 8 + VARINT) {
      createdMs = reader.readInt64();
    } else {
      if (tag >>> 3 <= SERIES_METADATA) reader.expectWireType(tag, BYTES);
      reader.skip(tag);
    }
  }
  const labels = labelsOf(refs, symbols);
  assembly.beginSeries(labels, createdMs);
  reader.position = start;
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    switch (tag >>> 3) {
      case SERIES_SAMPLES:
        assembly.readSample(reader, reader.readLengthEnd());
        break;
      case SERIES_HISTOGRAMS:
        assembly.readHistogram(reader, reader.readLengthEnd());
        break;
      case SERIES_EXEMPLARS:
        readExemplar(reader, symbols, assembly);
        break;
      case SERIES_METADATA:
        readMetadata(reader, symbols, labels, assembly);
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.end = outerEnd;
}

function readExemplar(
  reader: ProtobufReader,
  symbols: readonly string[],
  assembly: BatchAssembly,
): void {
  const refs: number[] = [];
  assembly.readExemplar(reader, reader.readLengthEnd(), {
    read: (tag) => readRefs(reader, tag, refs),
    take: () => labelsOf(refs, symbols, checkedPairs),
  });
}

/** Packed, as every writer does it, or one by one, as readers must allow. */
function readRefs(reader: ProtobufReader, tag: number, refs: number[]): void {
  if (tag % 8 === VARINT) {
    pushRef(refs, reader.readVarint());
    return;
  }
  reader.expectWireType(tag, BYTES);
  const refsEnd = reader.readLengthEnd();
  const outerEnd = reader.end;
  reader.end = refsEnd;
  while (reader.position < refsEnd) pushRef(refs, reader.readVarint());
  reader.end = outerEnd;
}

/** One more than can be used is kept, by which {@link labelsOf} sees that there were too many. */
function pushRef(refs: number[], ref: number): void {
  if (refs.length <= MAX_LABELS * 2) refs.push(ref);
}

function labelsOf(
  refs: readonly number[],
  symbols: readonly string[],
  check: (flat: readonly string[]) => ReadLabels = checkedLabels,
): ReadLabels {
  if (refs.length > MAX_LABELS * 2) return TOO_MANY_LABELS;
  if (refs.length % 2 === 1) return `a series with ${refs.length} label references, an odd number`;
  const flat: string[] = [];
  for (const ref of refs) {
    const symbol = symbols[ref];
    if (symbol === undefined) {
      return `a series refers to symbol ${ref}, but there are only ${symbols.length}`;
    }
    flat.push(symbol);
  }
  return check(flat);
}

function readMetadata(
  reader: ProtobufReader,
  symbols: readonly string[],
  labels: ReadLabels,
  assembly: BatchAssembly,
): void {
  const start = reader.position;
  const metadataEnd = reader.readLengthEnd();
  const outerEnd = reader.end;
  reader.end = metadataEnd;
  let type = 0;
  let helpRef = 0;
  let unitRef = 0;
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    switch (tag >>> 3) {
      case METADATA_TYPE:
        reader.expectWireType(tag, VARINT);
        type = reader.readVarint();
        break;
      case METADATA_HELP_REF:
        reader.expectWireType(tag, VARINT);
        helpRef = reader.readVarint();
        break;
      case METADATA_UNIT_REF:
        reader.expectWireType(tag, VARINT);
        unitRef = reader.readVarint();
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.end = outerEnd;
  const help = symbols[helpRef] ?? '';
  const unit = symbols[unitRef] ?? '';
  if (typeof labels === 'string' || (type === 0 && help === '' && unit === '')) return;
  // Version 2 repeats it with every series of a family, one after the other.
  const family = labels.metricName;
  if (assembly.metadata.at(-1)?.family === family) return;
  assembly.addMetadata({ family, type, help, unit }, start);
}
