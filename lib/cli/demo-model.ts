/** The model that comes with the package, which answers where nothing names one: the first command works. */

import { join } from 'node:path';
import type { Config } from '../index.js';
import { findModel } from '../model-path.js';
import { PACKAGE_ROOT } from '../native/load.js';
import { message } from './messages.js';
import { defaultConfigFile, type ModelOptions } from './options.js';

const DEMO_MODEL = join(PACKAGE_ROOT, 'models', 'demo.gguf');

/**
 * The configuration itself; or, where neither an option, the environment nor a file of the configuration says anything
 * and the cache lacks the model of the defaults, a copy with the demo model, which is told on stderr.
 */
export async function orDemoModel(config: Config, options: ModelOptions): Promise<Config> {
  const { model, projector, config: file = defaultConfigFile() } = options;
  const isNamed = [model, projector, file].some((value) => value !== undefined);
  if (isNamed || (await findModel(config)) !== undefined) return config;
  const demo = config.clone();
  demo.model.path = DEMO_MODEL;
  process.stderr.write(`bllossom: ${message('demoModel')}\n`);
  return demo;
}
