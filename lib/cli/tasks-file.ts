/** What `bllossom batch` computes: a file of prompts, one a line, or a JSON array of texts and objects. */

import { readFile } from 'node:fs/promises';
import { dirname, extname, isAbsolute, join } from 'node:path';
import { checkOneOf, checkText, show } from '../check.js';
import { BllossomError, type Config, type ImageSource, type Language, type SamplingOptions } from '../index.js';
import { LANGUAGES } from '../vision-tasks.js';
import { UsageError } from './failures.js';
import { checkedImage, isUrl } from './images.js';
import { message } from './messages.js';
import { type GenerationOptions, samplingOf } from './options.js';
import { type Question, questionOf, TASKS, type Task } from './question.js';
import { decodeUtf8 } from './standard-input.js';

export interface BatchTask {
  /** The item as it stands in the file; repeated in the results. */
  given: TaskItem;
  /** Where it stands, for messages. */
  place: string;
  image: ImageSource | undefined;
  question: Question;
  sampling: SamplingOptions & { systemMessage?: string };
}

/** The options of the command line under their names in JSON; what they hold is checked, not believed. */
interface TaskItem extends GenerationOptions {
  prompt?: string;
  /** Path, relative to the file it stands in, or URL. */
  image?: string;
  task?: Task;
  language?: Language;
}

const OWN_KEYS = ['prompt', 'image', 'task', 'language'];
const SAMPLING_KEYS = ['system', 'maxTokens', 'temperature', 'topP', 'topK', 'repetitionPenalty', 'seed', 'stop'];
const KNOWN_KEYS = [...OWN_KEYS, ...SAMPLING_KEYS];

/** Reads and checks every item. @throws UsageError naming the file, the item and what is wrong */
export async function readTasks(file: string, config: Config, signal: AbortSignal): Promise<BatchTask[]> {
  const text = await readText(file);
  const items = extname(file).toLowerCase() === '.json' ? parseItems(file, text) : parseLines(file, text);
  if (items.length === 0) throw new UsageError('batchEmpty', { file });
  const tasks: BatchTask[] = [];
  for (const { place, item } of items) {
    try {
      const given = checkItem(item);
      const image = given.image === undefined ? undefined : await checkedImage(from(file, given.image), config, signal);
      tasks.push({ given, place, image, question: checkQuestion(given), sampling: samplingOf(given, (key) => key) });
    } catch (error) {
      if (!(error instanceof BllossomError || error instanceof UsageError)) throw error;
      throw new UsageError('batchRefused', { place, why: error.message });
    }
  }
  return tasks;
}

async function readText(file: string): Promise<string> {
  const bytes = await readFile(file).catch((error: Error) => {
    throw new UsageError('fileUnreadable', { file, why: error.message });
  });
  const text = decodeUtf8(bytes);
  if (text === undefined) throw new UsageError('batchNotUtf8', { file });
  return text;
}

interface PlacedItem {
  place: string;
  item: unknown;
}

function parseLines(file: string, text: string): PlacedItem[] {
  return text
    .split(/\r\n|\r|\n/)
    .map((line, i) => ({ place: message('batchLine', { file, number: i + 1 }), item: line.trim() }))
    .filter(({ item }) => item !== '' && !item.startsWith('#'));
}

function parseItems(file: string, text: string): PlacedItem[] {
  let items: unknown;
  try {
    items = JSON.parse(text);
  } catch (error) {
    throw new UsageError('batchNotJson', { file, why: (error as Error).message });
  }
  if (!Array.isArray(items)) throw new UsageError('batchNotArray', { file });
  return items.map((item, i) => ({ place: message('batchItem', { file, number: i + 1 }), item }));
}

/** @throws UsageError, InvalidArgumentError */
function checkItem(item: unknown): TaskItem {
  if (typeof item === 'string') return { prompt: checkText('prompt', item) };
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    throw new UsageError('batchKind', { found: show(item) });
  }
  const unknown = Object.keys(item).find((key) => !KNOWN_KEYS.includes(key));
  if (unknown !== undefined)
    throw new UsageError('batchUnknownKey', { key: show(unknown), known: KNOWN_KEYS.join(', ') });
  const { prompt, image, task, language } = item as TaskItem;
  if (prompt !== undefined) checkText('prompt', prompt);
  if (image !== undefined) checkText('image', image);
  if (task !== undefined) checkOneOf('task', task, TASKS);
  if (language !== undefined) checkOneOf('language', language, LANGUAGES);
  return item as TaskItem;
}

/** @throws UsageError */
function checkQuestion(item: TaskItem): Question {
  if (item.image === undefined && item.task !== undefined) throw new UsageError('batchNeedsImage');
  const question = item.image === undefined && item.prompt === undefined ? 'noQuestion' : questionOf(item.prompt, item);
  if (question === 'noQuestion') throw new UsageError('batchNeedsPrompt');
  if (question === 'promptAndTask') throw new UsageError('batchTaskPrompt', { task: item.task ?? '' });
  return question;
}

/** A path that stands in a file is meant from its folder. */
function from(file: string, image: string): string {
  return isAbsolute(image) || isUrl(image) ? image : join(dirname(file), image);
}
