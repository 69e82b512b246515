/** Converts a PDF to Markdown; Ctrl-C keeps the pages that are ready: npm run example pdf-to-markdown report.pdf report.md */

import { writeFile } from 'node:fs/promises';
import { DocumentProcessor, VisionGenerator, withModel } from 'node-bllossom';
import { exampleConfig } from './model.js';

const [source, target = 'document.md'] = process.argv.slice(2);
if (source === undefined) throw new Error('Usage: pdf-to-markdown <file.pdf> [document.md]');

const controller = new AbortController();
process.once('SIGINT', () => controller.abort());

await withModel(exampleConfig(), async (manager) => {
  const documents = new DocumentProcessor(new VisionGenerator(manager));
  const { signal } = controller;
  const conversion = documents.processMultiPageDocument(source, 'markdown', { signal });
  for await (const page of conversion) {
    console.log(`page ${page.pageNumber}: ${page.success ? `${page.response.length} characters` : page.error.message}`);
  }
  const { combinedContent, successfulPages, totalPages } = await conversion;
  await writeFile(target, combinedContent);
  console.log(`${successfulPages} of ${totalPages} pages in ${target}`);
});
