import type { Command } from 'commander';
import { checkText } from '../../check.js';
import { requireFormat } from '../../image/format.js';
import { IMAGE_LIMITS } from '../../image/limits.js';
import { readSource, type UrlFetcher } from '../../image/source.js';
import { VisionGenerator } from '../../index.js';
import { imageFetcher } from '../../net/image-fetcher.js';
import { message } from '../messages.js';
import { configure, runSession, type SessionOptions, withSessionOptions } from '../session.js';

/** `bllossom vision <image> --prompt "…"` */
export function registerVision(program: Command): void {
  const command = program
    .command('vision')
    .description(message('vision'))
    .argument('<image>', message('imageArgument'))
    .requiredOption('-p, --prompt <text>', message('prompt'));
  withSessionOptions(command).action(async (image: string, options: SessionOptions & { prompt: string }) => {
    checkText('prompt', options.prompt);
    const bytes = await readImage(image, imageFetcher(configure(options).network));
    await runSession(options, (manager, generate) =>
      new VisionGenerator(manager).generateWithImage(bytes, options.prompt, generate),
    );
  });
}

/** Reads the image before the model is loaded, so that a wrong path or a file that is no image does not cost a load. */
async function readImage(source: string, fetchUrl: UrlFetcher | undefined): Promise<Uint8Array> {
  const bytes = await readSource(source, IMAGE_LIMITS.maxBytes, { fetchUrl });
  requireFormat(bytes);
  return bytes;
}
