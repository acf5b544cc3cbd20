import { mapOf, shape, text, type Decode, type Decoded } from '../decode.ts';
import { metadata } from './metadata.ts';

const anything: Decode<unknown> = (value) => value;

/** An object of somebody else's kind: its `spec` is as it came. */
export const customObject = shape({ metadata, spec: anything });

export type CustomObject = Decoded<typeof customObject>;

export const configMap = shape({ metadata, data: mapOf(text) });

export type ConfigMap = Decoded<typeof configMap>;
