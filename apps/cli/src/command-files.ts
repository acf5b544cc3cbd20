import { glob, readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { describeFileError } from '#libs/node-files';
import type { CommandIo } from './command.ts';

/** A file that cannot be read; the message names it. */
export class UnreadableFileError extends Error {
  override readonly name = 'UnreadableFileError';
}

/** Reads a file a user named. @throws UnreadableFileError */
export async function readNamedFile(file: string, io: CommandIo): Promise<string> {
  try {
    return await readFile(absolute(file, io), 'utf8');
  } catch (error) {
    throw new UnreadableFileError(`${file} cannot be read: ${describeFileError(error)}`, {
      cause: error,
    });
  }
}

/** The first of these files that is not there, or null. */
export async function firstMissing(
  files: readonly string[],
  io: CommandIo,
): Promise<string | null> {
  for (const file of files) {
    try {
      await stat(absolute(file, io));
    } catch {
      return file;
    }
  }
  return null;
}

/** A path as the file system takes it. */
export function absolute(file: string, io: CommandIo): string {
  return resolve(io.cwd ?? '.', file);
}

/** The files a path or glob names, sorted, in the form in which it was written; none where there is no such file. */
export async function filesMatching(pattern: string, io: CommandIo): Promise<readonly string[]> {
  const from = io.cwd ?? '.';
  const matches: string[] = [];
  for await (const match of glob(pattern, { cwd: from })) {
    matches.push(isAbsolute(pattern) ? resolve(from, match) : match);
  }
  return matches.toSorted();
}

/** A path that a file names, seen from where that file was found. */
export function besideFile(path: string, file: string): string {
  return isAbsolute(path) ? path : join(dirname(file), path);
}
