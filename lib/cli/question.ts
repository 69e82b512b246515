/** What is asked about an image: a prompt of one's own, a question, or a task that brings its question along. */

import {
  type Generation,
  type ImageSource,
  type Language,
  VisionGenerator,
  type VisionOptions,
  type VisionResult,
  type VisionTask,
} from '../index.js';
import type { Loaded } from './loading.js';

/** `qa` is the task whose question is the prompt. */
export const TASKS = ['describe', 'ocr', 'chart', 'table', 'markdown', 'qa'] as const;
export type Task = (typeof TASKS)[number];

export type Question = { task: VisionTask; language: Language | undefined } | { prompt: string } | { question: string };

/** What makes no question. */
export type QuestionFault = 'noQuestion' | 'promptAndTask';

export function questionOf(
  prompt: string | undefined,
  { task, language }: { task?: Task | undefined; language?: Language | undefined },
): Question | QuestionFault {
  if (task === 'qa') return prompt === undefined ? 'noQuestion' : { question: prompt };
  if (prompt === undefined) return { task: task ?? 'describe', language };
  return task === undefined ? { prompt } : 'promptAndTask';
}

export function ask(
  { manager }: Loaded,
  image: ImageSource,
  question: Question,
  options: VisionOptions,
): Generation<VisionResult> {
  const vision = new VisionGenerator(manager);
  if ('prompt' in question) return vision.generateWithImage(image, question.prompt, options);
  if ('question' in question) return vision.answerVisualQuestion(image, question.question, options);
  return vision.runTask(question.task, image, { ...options, language: question.language });
}
