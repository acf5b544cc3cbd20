/*
 * The thread that compares passwords with their hashes: each comparison takes as long as its hash was made to, and in the
 * main thread nothing else would happen meanwhile.
 */
import { parentPort } from 'node:worker_threads';
import { compareSync } from 'bcryptjs';
import type { CheckReply, CheckRequest } from './password-messages.ts';

const port = parentPort!;
port.on('message', ({ id, password, hash }: CheckRequest) => {
  const reply: CheckReply = { id, isRight: compareSync(password, hash) };
  port.postMessage(reply);
});
