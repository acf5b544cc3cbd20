import { MessageReader } from './message-reader.ts';
import { BatchAssembly } from './batch-assembly.ts';
import { type DecodedWrite, type DecodeLimits, DEFAULT_DECODE_LIMITS } from './decoded-write.ts';
import {
  checkedLabels,
  checkedPairs,
  decodeUtf8,
  MAX_LABELS,
  TOO_MANY_LABELS,
} from './label-checks.ts';
import { hashBytes, LabelSetCache, type ReadLabels } from './label-set-cache.ts';
import { BYTES, type ProtobufReader, VARINT } from '#libs/protobuf';

/** Fields of `prometheus.WriteRequest` and its parts. */
const REQUEST_TIMESERIES = 1;
const REQUEST_METADATA = 3;
const SERIES_LABELS = 1;
const SERIES_SAMPLES = 2;
const SERIES_EXEMPLARS = 3;
const SERIES_HISTOGRAMS = 4;
const LABEL_NAME = 1;
const LABEL_VALUE = 2;
const METADATA_TYPE = 1;
const METADATA_FAMILY = 2;
const METADATA_HELP = 4;
const METADATA_UNIT = 5;
const LABEL_TAG = SERIES_LABELS * 8 + BYTES;

const DEFAULT_CACHED_SERIES = 200_000;

/**
 * Decodes remote write 1.0 (`prometheus.WriteRequest`). It keeps the label sets of earlier requests, so one decoder
 * belongs to one receiver and lives as long as it does.
 */
export class WriteV1Decoder {
  readonly #limits: DecodeLimits;
  readonly #cache: LabelSetCache;

  constructor(limits = DEFAULT_DECODE_LIMITS, maxCachedSeries = DEFAULT_CACHED_SERIES) {
    this.#limits = limits;
    this.#cache = new LabelSetCache(maxCachedSeries);
  }

  /**
   * @param message the request after decompression
   * @throws RemoteWriteError when it is no such message or too large; nothing of it is usable then
   */
  decode(message: Buffer): DecodedWrite {
    const reader = new MessageReader(message);
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    const assembly = new BatchAssembly(this.#limits);
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      switch (tag >>> 3) {
        case REQUEST_TIMESERIES:
          reader.expectWireType(tag, BYTES);
          this.#readSeries(reader, view, assembly);
          break;
        case REQUEST_METADATA:
          reader.expectWireType(tag, BYTES);
          readMetadata(reader, assembly);
          break;
        default:
          reader.skip(tag);
      }
    }
    return assembly.take();
  }

  #readSeries(reader: ProtobufReader, view: DataView, assembly: BatchAssembly): void {
    const seriesEnd = reader.readLengthEnd();
    const outerEnd = reader.end;
    const start = reader.position;
    reader.end = seriesEnd;
    // Senders write all labels first; their bytes as a whole are the key under which the label set is kept.
    while (reader.position < seriesEnd && reader.bytes[reader.position] === LABEL_TAG) {
      reader.position++;
      reader.position = reader.readLengthEnd();
    }
    const labelsEnd = reader.position;
    assembly.beginSeries(
      hasLabelsAfter(reader, labelsEnd)
        ? readLabels(reader, start)
        : this.#cachedLabels(reader, view, start, labelsEnd),
    );
    reader.position = labelsEnd;
    for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
      switch (tag >>> 3) {
        case SERIES_SAMPLES:
          assembly.readSample(reader, reader.readLengthEnd());
          break;
        case SERIES_EXEMPLARS:
          readExemplar(reader, assembly);
          break;
        case SERIES_HISTOGRAMS:
          assembly.readHistogram(reader, reader.readLengthEnd());
          break;
        default:
          reader.skip(tag);
      }
    }
    reader.end = outerEnd;
  }

  #cachedLabels(reader: ProtobufReader, view: DataView, start: number, end: number): ReadLabels {
    const hash = hashBytes(view, start, end);
    const known = this.#cache.get(reader.bytes, start, end, hash);
    if (known !== undefined) return known;
    const labels = readLabels(reader, start);
    this.#cache.set(reader.bytes, start, end, hash, labels);
    return labels;
  }
}

/** Whether labels stand behind other fields, which protocol buffers allow; checks the fields' wire types as well. */
function hasLabelsAfter(reader: ProtobufReader, start: number): boolean {
  let hasLabels = false;
  reader.position = start;
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    const field = tag >>> 3;
    if (field === SERIES_LABELS) hasLabels = true;
    if (field <= SERIES_HISTOGRAMS) reader.expectWireType(tag, BYTES);
    reader.skip(tag);
  }
  return hasLabels;
}

/** All labels of the series that begins at `start` and ends at `reader.end`, wherever they stand in it. */
function readLabels(reader: ProtobufReader, start: number): ReadLabels {
  const flat: string[] = [];
  reader.position = start;
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    if (tag !== LABEL_TAG) {
      reader.skip(tag);
      continue;
    }
    if (flat.length >= MAX_LABELS * 2) return TOO_MANY_LABELS;
    readLabel(reader, flat);
  }
  return checkedLabels(flat);
}

function readExemplar(reader: ProtobufReader, assembly: BatchAssembly): void {
  const flat: string[] = [];
  assembly.readExemplar(reader, reader.readLengthEnd(), {
    read(tag) {
      reader.expectWireType(tag, BYTES);
      if (flat.length < MAX_LABELS * 2) readLabel(reader, flat);
      else reader.skip(tag);
    },
    take: () => checkedPairs(flat),
  });
}

function readLabel(reader: ProtobufReader, flat: string[]): void {
  const labelEnd = reader.readLengthEnd();
  const outerEnd = reader.end;
  reader.end = labelEnd;
  let name = '';
  let value = '';
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    switch (tag >>> 3) {
      case LABEL_NAME:
        name = readString(reader, tag);
        break;
      case LABEL_VALUE:
        value = readString(reader, tag);
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.end = outerEnd;
  flat.push(name, value);
}

function readMetadata(reader: ProtobufReader, assembly: BatchAssembly): void {
  const start = reader.position;
  const metadataEnd = reader.readLengthEnd();
  const outerEnd = reader.end;
  reader.end = metadataEnd;
  let type = 0;
  let family = '';
  let help = '';
  let unit = '';
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    switch (tag >>> 3) {
      case METADATA_TYPE:
        reader.expectWireType(tag, VARINT);
        type = reader.readVarint();
        break;
      case METADATA_FAMILY:
        family = readString(reader, tag);
        break;
      case METADATA_HELP:
        help = readString(reader, tag);
        break;
      case METADATA_UNIT:
        unit = readString(reader, tag);
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.end = outerEnd;
  assembly.addMetadata({ family, type, help, unit }, start);
}

function readString(reader: ProtobufReader, tag: number): string {
  reader.expectWireType(tag, BYTES);
  const end = reader.readLengthEnd();
  const text = decodeUtf8(reader.bytes, reader.position, end);
  reader.position = end;
  return text;
}
