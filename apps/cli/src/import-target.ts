import type { SampleSink } from './metrics-text.ts';

/** Where an import puts its samples. */
export interface ImportTarget extends SampleSink {
  /** Hands on what is still held back. */
  finish(): Promise<void>;
  /** How much has arrived so far. */
  describe(): string;
  /** What else is to be known once it has. */
  remarks(): readonly string[];
  /** What was not taken and why, a sentence each; empty where all was. */
  problems(): readonly string[];
  /** Lets go of everything; harmless after `finish` and without. */
  close(): Promise<void>;
}
