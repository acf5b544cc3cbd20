import { checkAccess, configFolder, type RunOptions } from '#libs/platform';
import { type Environment, readCollectorConfig } from './config/collector-config.ts';

/**
 * Reads everything the collector would read at its start and runs nothing.
 * @returns a line that says what was found
 * @throws ConfigTextError, PlainError for the first file with something wrong in it
 */
export async function checkConfig(options: RunOptions, env: Environment): Promise<string> {
  const config = await readCollectorConfig(options, env);
  await checkAccess(config, configFolder(options));
  const jobs = config.scrape.jobs?.length ?? 0;
  const { files } = config.logs;
  const { configFile, moreConfigFiles = [] } = options;
  const names = [configFile ?? '(defaults)', ...moreConfigFiles].join(', ');
  return (
    `${names}: good; ${jobs} scrape jobs, ${config.probes.probes.length} probes, ` +
    `${files.length} groups of log files`
  );
}
