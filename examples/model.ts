/** Which model the examples use. */

import { existsSync } from 'node:fs';
import { Config } from 'node-bllossom';

export function exampleConfig(): Config {
  const config = existsSync('config.yaml') ? new Config('config.yaml') : new Config();
  const path = process.env.BLLOSSOM_MODEL;
  if (path !== undefined) config.model.path = path;
  else if (config.model.path === null && existsSync('models/demo.gguf')) config.model.path = 'models/demo.gguf';
  return config;
}
