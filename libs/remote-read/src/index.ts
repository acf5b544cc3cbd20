export { CHUNK_ENCODINGS, CHUNKED_CONTENT_TYPE, ChunkedAnswerWriter } from './chunked-answer.ts';
export {
  ChunkedAnswerReader,
  type ReadChunk,
  type ReadChunkedSeries,
} from './chunked-answer-reader.ts';
export { crc32c } from './crc32c.ts';
export { withExternalLabels, withoutExternalLabels } from './external-labels.ts';
export {
  decodeReadRequest,
  DEFAULT_READ_REQUEST_LIMITS,
  encodeReadRequest,
  negotiateResponseType,
  type ReadQuery,
  type ReadRequest,
  type ReadRequestLimits,
  type ReadResponseType,
} from './read-request.ts';
export { RemoteReadError, type RemoteReadFailure } from './remote-read-error.ts';
export { SAMPLED_CONTENT_TYPE, SampledAnswerWriter } from './sampled-answer.ts';
export { chunkSampleCount, XorChunkColumns } from './xor-chunk.ts';
