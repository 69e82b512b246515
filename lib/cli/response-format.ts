/** What an answer must look like: `--schema` and `--grammar`, compiled before the model is loaded. */

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { BllossomError, type CompiledFormat, compileResponseFormat, type ResponseFormat } from '../index.js';
import { UsageError } from './failures.js';
import { message } from './messages.js';

export interface FormatOptions {
  schema?: string;
  grammar?: string;
  stop?: string[];
}

export function withFormatOptions(command: Command): Command {
  return command
    .optionsGroup(message('generationTitle'))
    .option('--schema <file>', message('schema'))
    .option('--grammar <file>', message('grammar'));
}

/** As an option of a generation; none where nothing is asked for. @throws UsageError naming the file and what is wrong */
export async function formatOf({ schema, grammar, stop }: FormatOptions): Promise<{ responseFormat?: CompiledFormat }> {
  const file = schema ?? grammar;
  if (file === undefined) return {};
  if (schema !== undefined && grammar !== undefined) throw new UsageError('formatTwice');
  if (stop !== undefined) throw new UsageError('formatStop');
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new UsageError('fileUnreadable', { file, why: error.message });
  });
  try {
    const format: ResponseFormat =
      schema === undefined ? { type: 'grammar', grammar: text } : { type: 'json', schema: JSON.parse(text) };
    return { responseFormat: await compileResponseFormat(format) };
  } catch (error) {
    if (!(error instanceof BllossomError || error instanceof SyntaxError)) throw error;
    throw new UsageError('formatRefused', { file, why: error.message });
  }
}
