/** Chats line by line, until the input ends, /quit, or two Ctrl-C at the prompt. */

import {
  type Config,
  ConversationManager,
  type GenerateOptions,
  type ModelManager,
  TextGenerator,
} from '../../index.js';
import { Interrupted, printError } from '../failures.js';
import { checkedImage } from '../images.js';
import { message } from '../messages.js';
import { Output, type OutputOptions } from '../output.js';
import { onOutputFailure } from '../stopping.js';
import { Chat } from './chat.js';
import { type CommandContext, runCommand } from './commands.js';
import { Terminal } from './terminal.js';

export interface Interaction {
  manager: ModelManager;
  config: Config;
  generating: GenerateOptions;
  options: OutputOptions;
  /** The first message, where the call gave one. */
  prompt: string | undefined;
}

/** @throws Interrupted, BrokenPipe */
export async function interact({ manager, config, generating, options, prompt }: Interaction): Promise<void> {
  const session = new AbortController();
  const { systemMessage = null, ...sampling } = generating;
  const conversation = new ConversationManager(new TextGenerator(manager));
  conversation.setSystemMessage(systemMessage);
  const chat = new Chat(conversation, sampling, { output: await Output.open(undefined, session.signal), options });
  const terminal = new Terminal({ input: process.stdin, output: process.stderr }, onInterruption);
  const context: CommandContext = {
    chat,
    checkImage: (image) => checkedImage(image, config, session.signal),
    quit: () => terminal.close(),
  };
  const releaseOutput = onOutputFailure(end);
  /** Whether the last thing that happened was a Ctrl-C at the prompt. */
  let warned = false;

  if (terminal.isTerminal) terminal.note(message('chatStart'));
  try {
    if (prompt !== undefined) await handle(prompt);
    for await (const line of terminal.lines()) await handle(line);
  } finally {
    releaseOutput();
    terminal.close();
  }
  if (session.signal.aborted) throw session.signal.reason;

  async function handle(line: string): Promise<void> {
    warned = false;
    if (line.trim() === '') return;
    try {
      if (!line.startsWith('/')) return await chat.answer(line);
      const told = await runCommand(line, context);
      if (told !== '') terminal.note(told);
    } catch (error) {
      if (session.signal.aborted) return;
      if (error instanceof Interrupted) return terminal.note(message('chatStopped'));
      printError(error);
      if (!terminal.isTerminal) process.exitCode = 1;
    }
  }

  /** Stops an answer, and the second time the process, should the answer be slow to stop; at the prompt warns, then ends. */
  function onInterruption(name: NodeJS.Signals): void {
    if (chat.isStopped) process.exit(130);
    if (name === 'SIGTERM' || (warned && !chat.isAnswering)) end(new Interrupted());
    else if (chat.isAnswering) chat.stop(new Interrupted());
    else {
      warned = true;
      terminal.askAnew(message('chatAgain'));
    }
  }

  function end(reason: Error): void {
    session.abort(reason);
    chat.stop(reason);
    terminal.close();
  }
}
