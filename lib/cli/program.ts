/** The program with its commands, and commander's own words in the language of the locale. */

import { Command, type Help, type Option } from 'commander';
import { columnsOf } from './columns.js';
import { registerBatch } from './commands/batch.js';
import { registerConfig } from './commands/config.js';
import { registerConvert } from './commands/convert.js';
import { registerInfo } from './commands/info.js';
import { registerInspect } from './commands/inspect.js';
import { registerText } from './commands/text.js';
import { registerVision } from './commands/vision.js';
import { isKorean } from './locale.js';
import { commanderInKorean } from './messages/commander-ko.js';
import { errorLine, type MessageKey, message } from './messages.js';
import { VERSION } from './version.js';

const TITLES: Record<string, MessageKey> = {
  'Usage:': 'usageTitle',
  'Arguments:': 'argumentsTitle',
  'Options:': 'optionsTitle',
  'Commands:': 'commandsTitle',
};

const HELP: Partial<Help> = {
  displayWidth: columnsOf,
  styleTitle: (title) => (title in TITLES ? message(TITLES[title] as MessageKey) : title),
  optionDescription: describeOption,
};

export function createProgram(): Command {
  const program = new Command('bllossom')
    .description(message('description'))
    .version(VERSION, '-V, --version', message('versionOption'))
    .helpOption('-h, --help', message('helpOption'))
    .helpCommand('help [command]', message('helpCommand'))
    .configureHelp(HELP)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`bllossom: ${errorLine(ownWords(text))}\n`) });
  registerText(program);
  registerVision(program);
  registerBatch(program);
  registerConvert(program);
  registerInspect(program);
  registerConfig(program);
  registerInfo(program);
  inherit(program);
  return program;
}

function inherit(command: Command): void {
  for (const child of command.commands) inherit(child.copyInheritedSettings(command));
}

function ownWords(text: string): string {
  const bare = text.replace(/^error: /, '');
  return isKorean() ? commanderInKorean(bare) : bare;
}

function describeOption({ description, argChoices, defaultValue, required, envVar }: Option): string {
  const facts: [MessageKey, string][] = [];
  if (argChoices) facts.push(['choices', argChoices.join(', ')]);
  if (defaultValue !== undefined && required) facts.push(['defaultValue', String(defaultValue)]);
  if (envVar !== undefined) facts.push(['environment', envVar]);
  const told = facts.map(([title, value]) => `${message(title)}: ${value}`).join('; ');
  return told === '' ? description : `${description} (${told})`;
}
