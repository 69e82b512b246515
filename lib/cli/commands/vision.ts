import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { checkText } from '../../check.js';
import { IoError, VisionGenerator } from '../../index.js';
import { message } from '../messages.js';
import { runSession, type SessionOptions, withSessionOptions } from '../session.js';

/** `bllossom vision <image> --prompt "…"` */
export function registerVision(program: Command): void {
  const command = program
    .command('vision')
    .description(message('vision'))
    .argument('<image>', message('imageArgument'))
    .requiredOption('-p, --prompt <text>', message('prompt'));
  withSessionOptions(command).action(async (image: string, options: SessionOptions & { prompt: string }) => {
    checkText('prompt', options.prompt);
    const bytes = await readImage(image);
    await runSession(options, (manager, generate) =>
      new VisionGenerator(manager).generateWithImage(bytes, options.prompt, generate),
    );
  });
}

/** Reads the file before the model is loaded, so that a wrong path does not cost a load. */
async function readImage(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (cause as Error).message;
    throw new IoError(`The image ${path} cannot be read: ${reason}`, { cause });
  }
}
