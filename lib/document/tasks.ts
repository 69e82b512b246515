/** What can be done with the pages of a document. */

import type { VisionTask } from '../vision-tasks.js';

export type DocumentTask = 'extract' | 'summarize' | 'markdown' | 'table';

/** What the vision generator calls them. */
export const VISION_TASKS: Readonly<Record<DocumentTask, VisionTask>> = {
  extract: 'ocr',
  summarize: 'summarize',
  markdown: 'markdown',
  table: 'table',
};

export const DOCUMENT_TASKS = Object.keys(VISION_TASKS) as DocumentTask[];
