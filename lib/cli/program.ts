/** The program with its commands, and commander's own words in the language of the locale. */

import { type Argument, Command, type Help } from 'commander';
import { columnsOf } from './columns.js';
import { registerBatch } from './commands/batch.js';
import { registerBuild } from './commands/build.js';
import { registerConfig } from './commands/config.js';
import { registerConvert } from './commands/convert.js';
import { registerDocument } from './commands/document.js';
import { registerExport } from './commands/export.js';
import { registerImatrix } from './commands/imatrix.js';
import { registerInfo } from './commands/info.js';
import { registerInspect } from './commands/inspect.js';
import { registerList } from './commands/list.js';
import { registerPull } from './commands/pull.js';
import { registerRm } from './commands/rm.js';
import { registerText } from './commands/text.js';
import { registerVerify } from './commands/verify.js';
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
  minWidthToWrap: 20,
  displayWidth: columnsOf,
  styleTitle: (title) => (title in TITLES ? message(TITLES[title] as MessageKey) : title),
  subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(placeholder)].join(' '),
  optionDescription: ({ description, argChoices, defaultValue, required, envVar }) =>
    described(description, { choices: argChoices, defaultValue: required ? defaultValue : undefined, envVar }),
  argumentDescription: ({ description, argChoices, defaultValue }) =>
    described(description, { choices: argChoices, defaultValue }),
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
  registerDocument(program);
  registerBatch(program);
  registerConvert(program);
  registerImatrix(program);
  registerExport(program);
  registerInspect(program);
  registerPull(program);
  registerList(program);
  registerRm(program);
  registerVerify(program);
  registerConfig(program);
  registerInfo(program);
  registerBuild(program);
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

/** <file>, [file], <file...> */
function placeholder(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

interface Facts {
  choices?: string[] | undefined;
  defaultValue?: unknown;
  envVar?: string | undefined;
}

function described(description: string, { choices, defaultValue, envVar }: Facts): string {
  const facts: [MessageKey, string | undefined][] = [
    ['choices', choices?.join(', ')],
    ['defaultValue', defaultValue === undefined ? undefined : String(defaultValue)],
    ['environment', envVar],
  ];
  const told = facts.filter(([, value]) => value !== undefined).map(([title, value]) => `${message(title)}: ${value}`);
  return told.length === 0 ? description : `${description} (${told.join('; ')})`;
}
