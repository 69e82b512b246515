import type { Command } from 'commander';
import { SECTION_NAMES } from '../../config-schema.js';
import { Config } from '../../index.js';
import { commentedConfig } from '../commented-config.js';
import { checkWritable, writeWhole } from '../files.js';
import { message } from '../messages.js';
import { configure, type ModelOptions, withModelOptions } from '../options.js';

const DEFAULT_FILE = 'config.yaml';

/** `bllossom config show | init | check` */
export function registerConfig(program: Command): void {
  const config = program.command('config').description(message('configure'));
  const show = config
    .command('show', { isDefault: true })
    .description(message('configShow'))
    .option('--json', message('configJson'));
  withModelOptions(show).action((options: ModelOptions & { json?: boolean }) => {
    const effective = configure(options);
    if (!options.json) return effective.printConfig();
    const sections = SECTION_NAMES.map((name) => [name, effective[name]]);
    console.log(JSON.stringify(Object.fromEntries(sections), null, 2));
  });
  config
    .command('init')
    .description(message('configInit'))
    .argument('[file]', message('configFile'), DEFAULT_FILE)
    .option('--force', message('force'))
    .action(async (file: string, { force = false }: { force?: boolean }) => {
      await checkWritable(file, { force });
      await writeWhole(file, commentedConfig());
      console.log(message('configWritten', { file }));
    });
  config
    .command('check')
    .description(message('configCheck'))
    .argument('[file]', message('configFile'), DEFAULT_FILE)
    .action(check);
}

function check(file: string): void {
  new Config(file); // throws with file and line
  console.log(message('configFine', { file }));
}
