import { describe, expect, it } from '@jest/globals';
import { messageTypeOf } from './write-message-type.ts';

const V1 = 'prometheus.WriteRequest';
const V2 = 'io.prometheus.write.v2.Request';

describe('messageTypeOf', () => {
  it.each([
    [undefined, undefined, V1],
    ['application/x-protobuf', 'snappy', V1],
    ['Application/X-Protobuf ; charset=binary', 'Snappy', V1],
    [`application/x-protobuf;proto=${V1}`, '', V1],
    [`application/x-protobuf; proto="${V2}"`, 'snappy', V2],
  ])('takes %s in %s as %s', (type, encoding, message) => {
    expect(messageTypeOf(type, encoding)).toEqual({ message });
  });
  it.each([
    ['application/json', 'snappy', 'unsupported Content-Type "application/json"; accepted are'],
    ['application/x-protobuf', 'gzip', 'unsupported Content-Encoding "gzip"; accepted is snappy'],
    ['application/x-protobuf;proto=x', 'snappy', 'unsupported message "x"; accepted are'],
  ])('refuses %s in %s', (type, encoding, refusal) => {
    expect(messageTypeOf(type, encoding)).toEqual({ refusal: expect.stringContaining(refusal) });
  });
});
