/** `bllossom convert` of a model that is a GGUF file already, of Ollama or ours. */

import { stat } from 'node:fs/promises';
import { rewriteModel, type VisionType } from '../../convert/rewrite.js';
import { OLLAMA_PREFIX } from '../../models/ollama.js';
import { message } from '../messages.js';
import { size } from '../printable.js';
import { shareBar } from '../progress.js';

export interface GgufConversion {
  projector?: string | undefined;
  visionType?: VisionType | undefined;
  threads: number;
}

/** A checkpoint is a folder. */
export async function isGgufSource(source: string): Promise<boolean> {
  if (source.startsWith(OLLAMA_PREFIX)) return true;
  return (await stat(source).catch(() => undefined))?.isFile() ?? false;
}

export async function convertGguf(
  source: string,
  output: string,
  options: GgufConversion,
  signal: AbortSignal,
): Promise<void> {
  const bar = shareBar(message('converting'));
  const report = await rewriteModel({ source, output, ...options, signal, onProgress: bar.update }).finally(bar.stop);
  console.log(message('copyDone', { file: output, size: size(report.bytes), seconds: report.seconds.toFixed(1) }));
}
