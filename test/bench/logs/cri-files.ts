import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const LEVELS = ['INFO', 'INFO', 'INFO', 'WARN', 'ERROR'] as const;

/** The folder of a pod's container as the kubelet names it. */
export function containerFolder(root: string, pod: number): string {
  return join(root, `ns-${pod % 5}_app-${pod}-7d9f8b6c5-abc${pod}_uid-${pod}`, 'main');
}

/** A line as containerd writes it, of an application that logs JSON; about 190 bytes. */
export function criLine(i: number): string {
  const minute = pad(Math.floor(i / 60_000) % 60, 2);
  const second = pad(Math.floor(i / 1_000) % 60, 2);
  return (
    `2026-11-20T10:${minute}:${second}.${pad(i % 1_000, 3)}000000Z stdout F ` +
    `{"level":"${LEVELS[i % 5]}","ts":"2026-11-20T10:00:00Z","msg":"request served",` +
    `"path":"/api/v1/orders/${i}","status":${i % 50 === 0 ? 500 : 200},"dur_ms":${i % 300},` +
    `"trace":"abcdef0123456789${i}"}\n`
  );
}

/** Log files of pods, each with the same number of lines. @returns their bytes */
export async function writeCriFiles(root: string, files: number, lines: number): Promise<number> {
  const parts: string[] = [];
  for (let i = 0; i < lines; i++) parts.push(criLine(i));
  const bytes = Buffer.from(parts.join(''));
  for (let pod = 0; pod < files; pod++) {
    const folder = containerFolder(root, pod);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, '0.log'), bytes);
  }
  return bytes.length * files;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
