import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { PACKAGE_ROOT } from '../../native/load.js';
import { message } from '../messages.js';

interface BuildOptions {
  cuda?: boolean;
  vulkan?: boolean;
  metal?: boolean;
  define?: string[];
}

/** `bllossom build`: makes the addon from the sources in this package, for a machine that no prebuilt one fits. */
export function registerBuild(program: Command): void {
  program
    .command('build')
    .description(message('build'))
    .option('--cuda', message('buildCuda'))
    .option('--vulkan', message('buildVulkan'))
    .option('--metal', message('buildMetal'))
    .option('-D, --define <name=value>', message('buildDefine'), definition)
    .action(build);
}

function definition(text: string, before: string[] = []): string[] {
  if (!/^\w+=/.test(text)) throw new InvalidArgumentError(message('buildDefinition'));
  return [...before, text];
}

/** The scripts say what is missing or fails, in both languages. */
function build({ define = [], ...backends }: BuildOptions): void {
  const wanted = Object.entries(backends).flatMap(([name, isWanted]) => (isWanted ? [`--${name}`] : []));
  const built =
    run('vendor.mjs', []) && run('build-native.mjs', [...wanted, ...define.map((definition) => `-D${definition}`)]);
  if (built) console.log(message('buildDone', { folder: join(PACKAGE_ROOT, 'build', 'Release') }));
  else process.exitCode = 1;
}

function run(script: string, args: string[]): boolean {
  const program = join(PACKAGE_ROOT, 'scripts', script);
  return spawnSync(process.execPath, [program, ...args], { cwd: PACKAGE_ROOT, stdio: 'inherit' }).status === 0;
}
