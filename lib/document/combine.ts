/** The pages of a document as one text. */

import type { PageResult } from '../document-processor.js';
import type { Language } from '../vision-tasks.js';
import type { DocumentTask } from './tasks.js';

const WORDS = {
  ko: {
    page: (number: number) => `[${number}쪽]`,
    failed: (number: number, why: string) => `[${number}쪽을 처리하지 못했습니다: ${why}]`,
  },
  en: {
    page: (number: number) => `[Page ${number}]`,
    failed: (number: number, why: string) => `[Page ${number} could not be processed: ${why}]`,
  },
} satisfies Record<Language, unknown>;

/**
 * - "markdown": a rule (`---`) between pages.
 * - "extract": an empty line between pages, so that the text reads on.
 * - "summarize", "table": each page under its number, since each text stands for itself.
 *
 * A page that failed says so in its place.
 */
export function combinePages(pages: readonly PageResult[], task: DocumentTask, language: Language): string {
  const { page: heading, failed } = WORDS[language];
  const headed = task === 'summarize' || task === 'table';
  const texts = pages.map((page) => {
    if (!page.success) return failed(page.pageNumber, page.error.message.replace(/\s+/g, ' '));
    const text = page.response.trim();
    return headed ? `${heading(page.pageNumber)}\n${text}` : text;
  });
  return texts.join(task === 'markdown' ? '\n\n---\n\n' : '\n\n');
}
