/** What `bllossom document --json` writes, and reads back for `--resume`: one line of JSON per document. */

import { readFile } from 'node:fs/promises';
import { combinePages } from '../document/combine.js';
import type { DocumentResult, DocumentTask, Language, PageResult } from '../index.js';
import type { DocumentInput } from './document-inputs.js';
import { errorToJson, UsageError } from './failures.js';

export function documentToJson({ name, pages }: DocumentInput, task: DocumentTask, result: DocumentResult): object {
  const pageResults = result.pageResults.map((page) =>
    page.success ? page : { ...page, error: errorToJson(page.error) },
  );
  return { input: name, ...('names' in pages && { images: pages.names }), task, ...result, pageResults };
}

/** What is ready of a document that was given up. */
export function partialResult(finished: readonly PageResult[], task: DocumentTask, language: Language): DocumentResult {
  const pageResults = [...finished].sort((a, b) => a.pageNumber - b.pageNumber);
  return {
    success: false,
    pageResults,
    combinedContent: combinePages(pageResults, task, language),
    totalPages: pageResults.length,
    successfulPages: pageResults.filter(({ success }) => success).length,
  };
}

/** The pages of an earlier run, by input. @throws UsageError */
export async function readEarlier(file: string): Promise<Map<string, PageResult[]>> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new UsageError('fileUnreadable', { file, why: error.message });
  });
  const earlier = new Map<string, PageResult[]>();
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const { input, pageResults } = parse(line) ?? {};
    if (typeof input !== 'string') throw new UsageError('resumeInvalid', { file, line: i + 1 });
    if (Array.isArray(pageResults)) earlier.set(input, pageResults); // the pages are checked where they are used
  }
  return earlier;
}

function parse(line: string): { input?: unknown; pageResults?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
