#!/usr/bin/env node
/** The command `bllossom`. Exit codes: 0 done, 1 failed, 130 interrupted. */

import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { registerConvert } from './commands/convert.js';
import { registerInspect } from './commands/inspect.js';
import { registerText } from './commands/text.js';
import { registerVision } from './commands/vision.js';
import { errorLine, message } from './messages.js';
import { printError } from './print.js';
import { BrokenPipe } from './session.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function createProgram(): Command {
  const program = new Command('bllossom')
    .description(message('description'))
    .version(version)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`bllossom: ${errorLine(text.replace(/^error: /, ''))}\n`),
    });
  registerText(program);
  registerVision(program);
  registerConvert(program);
  registerInspect(program);
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}

async function main(): Promise<void> {
  try {
    await createProgram().parseAsync();
  } catch (error) {
    if (error instanceof BrokenPipe) return;
    // Commander has already printed its own errors; help and version end up here too, with code 0.
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode;
      return;
    }
    printError(error);
    process.exitCode ||= 1;
  }
}

await main();
