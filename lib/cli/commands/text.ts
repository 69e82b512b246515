import type { Command } from 'commander';
import { checkText } from '../../check.js';
import { TextGenerator } from '../../index.js';
import { message } from '../messages.js';
import { runSession, type SessionOptions, withSessionOptions } from '../session.js';

/** `bllossom text "…"` */
export function registerText(program: Command): void {
  const command = program.command('text').description(message('text')).argument('<prompt>', message('promptArgument'));
  withSessionOptions(command).action(async (prompt: string, options: SessionOptions) => {
    checkText('prompt', prompt);
    await runSession(options, (manager, generate) => new TextGenerator(manager).generate(prompt, generate));
  });
}
