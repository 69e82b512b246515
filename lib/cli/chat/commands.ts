/** The commands of a chat, each on a line that begins with a slash. */

import type { ImageSource } from '../../index.js';
import { table } from '../columns.js';
import { UsageError } from '../failures.js';
import { type MessageKey, message } from '../messages.js';
import { speed } from '../timings.js';
import type { Chat } from './chat.js';

export interface CommandContext {
  chat: Chat;
  /** @throws when it is no image */
  checkImage(image: string): Promise<ImageSource>;
  quit(): void;
}

interface ChatCommand {
  /** What follows its name. */
  argument?: MessageKey;
  help: MessageKey;
  /** Returns what to tell. */
  run(argument: string, context: CommandContext): Promise<string> | string;
}

const COMMANDS: Record<string, ChatCommand> = {
  help: { help: 'chatHelp', run: help },
  clear: {
    help: 'chatClear',
    run: (_, { chat }) => {
      chat.clear();
      return message('chatCleared');
    },
  },
  save: {
    argument: 'fileArgument',
    help: 'chatSave',
    run: async (file, { chat }) => {
      const { conversation } = chat;
      return message('chatSaved', { file: await conversation.exportConversation(file === '' ? undefined : file) });
    },
  },
  stats: { help: 'chatStats', run: (_, { chat }) => stats(chat) },
  image: {
    argument: 'imageUsage',
    help: 'chatImage',
    run: async (image, { chat, checkImage }) => {
      if (image === '') throw new UsageError('chatUsage', { usage: usage('image') });
      chat.attach(await checkImage(image));
      return message('chatAttached', { image });
    },
  },
  system: {
    argument: 'systemUsage',
    help: 'chatSystem',
    run: (text, { chat }) => {
      chat.conversation.setSystemMessage(text);
      return message(text === '' ? 'chatSystemRemoved' : 'chatSystemSet');
    },
  },
  quit: {
    help: 'chatQuit',
    run: (_, { quit }) => {
      quit();
      return '';
    },
  },
};

/** Runs a line that begins with a slash. Returns what to tell. @throws UsageError when there is no such command */
export async function runCommand(line: string, context: CommandContext): Promise<string> {
  const [, name = '', argument = ''] = /^\/(\S*)\s*(.*)$/s.exec(line) ?? [];
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new UsageError('chatUnknown', { name: `/${name}` });
  return command.run(argument.trim(), context);
}

function usage(name: string): string {
  const argument = COMMANDS[name]?.argument;
  return argument === undefined ? `/${name}` : `/${name} ${message(argument)}`;
}

function help(): string {
  const rows = Object.entries(COMMANDS).map(([name, command]) => [usage(name), message(command.help)] as const);
  return table(rows).join('\n');
}

function stats({ conversation, figures: { inputTokens, outputTokens, time } }: Chat): string {
  const { totalMessages: total, userMessages: user, assistantMessages: assistant } = conversation.getHistorySummary();
  const rows: [string, string][] = [
    [message('statMessages'), message('statMessagesValue', { total, user, assistant })],
    [message('statTokens'), message('statTokensValue', { input: inputTokens, output: outputTokens })],
    [message('statTime'), `${time.toFixed(1)} ${message('seconds')}`],
    [message('statSpeed'), speed(time > 0 ? outputTokens / time : 0, outputTokens)],
  ];
  return table(rows).join('\n');
}
