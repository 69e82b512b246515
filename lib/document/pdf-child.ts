/** The process in which a PDF is read and drawn: answers one request after another. */

import { Worker } from 'node:worker_threads';

import { toBllossomError } from '../errors.js';
import { type OpenOptions, PdfRenderer, type RenderedPage, type RenderOptions } from './pdf-renderer.js';

export type PdfRequest =
  | ({ kind: 'open'; bytes: Uint8Array; maxMemory: number } & OpenOptions)
  | ({ kind: 'render'; page: number } & RenderOptions);

export type PdfReply =
  | { kind: 'opened'; pageCount: number }
  | { kind: 'rendered'; page: RenderedPage }
  | { kind: 'failed'; code: string; message: string };

let renderer: PdfRenderer | undefined;

async function answer(request: PdfRequest): Promise<PdfReply> {
  if (request.kind === 'open') {
    watchMemory(request.maxMemory);
    renderer = await PdfRenderer.open(new Uint8Array(request.bytes), request); // a copy: pdfjs takes the memory over
    return { kind: 'opened', pageCount: renderer.pageCount };
  }
  if (renderer === undefined) throw new Error('no PDF is open');
  return { kind: 'rendered', page: await renderer.render(request.page, request) };
}

/**
 * Ends this process when it grows over its limit or its parent is gone. In a thread, since a stream that unpacks
 * without end does so in one turn of the event loop.
 */
function watchMemory(maxMemory: number): void {
  const over = `process.memoryUsage.rss() > ${maxMemory} || process.ppid !== ${process.ppid}`;
  const watch = `setInterval(() => { if (${over}) process.kill(process.pid, 'SIGKILL'); }, 50);`;
  new Worker(watch, { eval: true, execArgv: [] }).unref();
}

process.on('message', async (request: PdfRequest) => {
  const reply = await answer(request).catch((cause): PdfReply => {
    const { code, message } = toBllossomError(cause);
    return { kind: 'failed', code, message };
  });
  process.send?.(reply);
});
process.on('disconnect', () => process.exit());
