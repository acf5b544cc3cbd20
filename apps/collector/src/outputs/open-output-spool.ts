import { FileSpoolFiles } from '#libs/node-files';
import type { AppLogger } from '#libs/platform';
import { Spool, type SpoolOptions } from '#libs/spool';

/** Opens the spool of an output, and tells when there is something in it that only a later version understands. */
export async function openOutputSpool(
  output: string,
  folder: string,
  options: Omit<SpoolOptions, 'files'>,
  logger: AppLogger,
): Promise<Spool> {
  const spool = await Spool.open({ files: new FileSpoolFiles(folder), ...options });
  if (spool.asideBytes > 0) {
    logger.error(
      'the spool has what a later version wrote; it is kept aside until that version is back',
      { output, folder, bytes: spool.asideBytes },
    );
  }
  return spool;
}
