/** Answers about the pages of documents. */

import { Batch, type BatchWork, beginBatch } from './batch.js';
import { batchWidth, compiledOnce } from './chat.js';
import {
  checkArray,
  checkBoolean,
  checkCallback,
  checkInstance,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkString,
  fail,
  readOptions,
  show,
} from './check.js';
import { checkSection } from './config-schema.js';
import { combinePages } from './document/combine.js';
import { type PageRange, selectPages } from './document/page-range.js';
import {
  checkDocument,
  type DocumentSource,
  openPages,
  type PageNotes,
  type PageSource,
} from './document/page-source.js';
import { checkPdfOptions, PDF_KEYS, type PdfOptions } from './document/pdf.js';
import { DOCUMENT_TASKS, type DocumentTask, VISION_TASKS } from './document/tasks.js';
import type { ImageInput } from './encoded-image.js';
import { CancelledError, InvalidArgumentError } from './errors.js';
import { Generation } from './generation.js';
import { BATCH_KEYS, resolveParameters } from './generation-parameters.js';
import { VisionGenerator, type VisionResult, type VisionTaskOptions } from './vision-generator.js';
import { LANGUAGES, type Language } from './vision-tasks.js';

/** A page that was answered. */
export interface PageSuccess<T = unknown> extends VisionResult<T>, Partial<PageNotes> {
  /** From 1. */
  pageNumber: number;
  task: DocumentTask;
}

export interface PageFailure {
  success: false;
  pageNumber: number;
  error: Error;
}

export type PageResult<T = unknown> = PageSuccess<T> | PageFailure;

export interface DocumentResult<T = unknown> {
  /** Every page succeeded. */
  success: boolean;
  /** In the order of the document. */
  pageResults: PageResult<T>[];
  combinedContent: string;
  /** Pages that were asked for. */
  totalPages: number;
  successfulPages: number;
}

export interface DocumentProgress {
  /** The page that is ready. */
  page: number;
  /** Pages that are ready, failed ones and those of `resume` included. */
  done: number;
  total: number;
}

/** The options of every answer (`timeout` is for each page), those of the PDF, and these. */
export interface DocumentOptions<T = unknown> extends Omit<VisionTaskOptions<T>, 'onToken'>, PdfOptions {
  /** Pages to work on, from 1: `"1-3,5,8-"`, a number or an array of them. Default: all */
  pages?: PageRange | undefined;
  /** Called when a page has been computed. */
  onProgress?: ((progress: DocumentProgress) => void) | undefined;
  /** Pages of an earlier run of the same task; those that succeeded are taken as they are. */
  resume?: readonly PageResult<T>[] | undefined;
}

/** A document that is being worked on; see {@link DocumentProcessor.processMultiPageDocument}. */
export type DocumentBatch<T = unknown> = Batch<PageResult<T>, DocumentResult<T>>;

export class DocumentProcessor {
  readonly #vision: VisionGenerator;

  /** @throws InvalidArgumentError when it is something else */
  constructor(visionGenerator: VisionGenerator) {
    this.#vision = checkInstance('visionGenerator', visionGenerator, VisionGenerator, 'a VisionGenerator');
  }

  /**
   * Answers about the image of one page. Await the result, or iterate over its pieces.
   *
   * @param task "extract": its text; "summarize"; "markdown": the page as Markdown; "table": its tables explained
   * @returns a generation that rejects as those of `VisionGenerator` do
   */
  processDocumentPage<T = unknown>(
    image: ImageInput,
    task: DocumentTask = 'extract',
    options?: VisionTaskOptions<T>,
  ): Generation<VisionResult<T>> {
    if (!DOCUMENT_TASKS.includes(task)) return new Generation(async () => fail('task', oneOfTasks(), task));
    return this.#vision.runTask(VISION_TASKS[task], image, options);
  }

  /**
   * Answers about the pages of a PDF or of a list of images, several at once. A page that fails takes its place as
   * `{ success: false, pageNumber, error }`, and the others go on.
   *
   * - `await` gives the {@link DocumentResult}.
   * - `for await` gives each page when it is ready; leaving the loop cancels the rest.
   * - `finished` holds the pages that are ready, also after an abort: pass it as `resume` to compute only the others.
   *
   * PDF files need the packages `pdfjs-dist` and `@napi-rs/canvas`. A page is drawn when its turn comes.
   *
   * The batch rejects with the reason of the signal; `InvalidArgumentError` (task, option, page range, password, or
   * packages that are not installed), `ModelNotLoadedError`; `ImageDecodeError`, `ImageLimitError`, `IoError` or
   * `TimeoutError` when the PDF cannot be opened.
   */
  processMultiPageDocument<T = unknown>(
    document: DocumentSource,
    task: DocumentTask = 'extract',
    options?: DocumentOptions<T>,
  ): DocumentBatch<T> {
    return beginBatch(options, (given: DocumentOptions<T>) => {
      const { signal, onProgress } = given;
      const resumed = new Set<PageResult<T>>();
      const batch: DocumentBatch<T> = new Batch((stop) => this.#plan(document, task, given, resumed, stop), {
        signal,
        onProgress: ({ done, total }) => {
          const page = batch.finished[done - 1] as PageResult<T>;
          if (!resumed.has(page)) onProgress?.({ page: page.pageNumber, done, total });
        },
      });
      return batch;
    });
  }

  async #plan<T>(
    document: DocumentSource,
    task: DocumentTask,
    options: DocumentOptions<T>,
    resumed: Set<PageResult<T>>,
    stop: AbortSignal,
  ): Promise<BatchWork<PageResult<T>, DocumentResult<T>>> {
    checkOneOf('task', task, DOCUMENT_TASKS);
    const { pages: range, resume, pdf, language, answer: given } = this.#checkOptions(options);
    const known = checkResume(resume, task);
    const own = checkDocument(document);
    this.#vision.manager.requireModel();
    const answer = await compiledOnce(given);
    const source = await openPages(own, pdf, stop);
    try {
      const pages = selectPages(range, source.pageCount);
      for (const page of pages) {
        const result = known.get(page);
        if (result) resumed.add(result);
      }
      return {
        total: pages.length,
        concurrency: batchWidth(this.#vision),
        run: async (index, signal) => {
          const page = pages[index] as number;
          return known.get(page) ?? this.#processPage(source, page, task, { ...answer, signal });
        },
        collect: (results) => documentResult(results, task, language),
        close: () => source.close(),
      };
    } catch (error) {
      source.close();
      throw error;
    }
  }

  async #processPage<T>(
    source: PageSource,
    pageNumber: number,
    task: DocumentTask,
    options: VisionTaskOptions<T> & { signal: AbortSignal },
  ): Promise<PageResult<T>> {
    try {
      const { image, notes } = await source.page(pageNumber, options.signal);
      return { ...(await this.processDocumentPage(image, task, options)), ...notes, pageNumber, task };
    } catch (error) {
      options.signal.throwIfAborted(); // the whole document was given up
      return { success: false, pageNumber, error: error instanceof Error ? error : new CancelledError(String(error)) };
    }
  }

  /** Before anything is opened. */
  #checkOptions<T>(options: DocumentOptions<T>) {
    const given = checkOptions('options', options, DOCUMENT_KEYS);
    const { pages, resume, onProgress, signal: _signal, password, fonts, dpi, ...answer } = given;
    checkCallback('onProgress', onProgress);
    const pdf = checkPdfOptions({ password, fonts, dpi });
    resolveParameters(checkSection(this.#vision.config, 'generation'), answer, ANSWER_KEYS);
    if (answer.preprocess !== undefined) checkBoolean('preprocess', answer.preprocess);
    const language: Language =
      answer.language === undefined ? 'ko' : checkOneOf('language', answer.language, LANGUAGES);
    return { pages, resume, pdf, language, answer };
  }
}

const ANSWER_KEYS = [...BATCH_KEYS, 'preprocess', 'language'];
const DOCUMENT_KEYS = [...ANSWER_KEYS, ...PDF_KEYS, 'pages', 'onProgress', 'resume'];
/** Page results of earlier runs; far more than a call works on. */
const MAX_RESUMED = 1_000_000;

const oneOfTasks = () => `one of ${DOCUMENT_TASKS.map((task) => `"${task}"`).join(', ')}`;

/** The pages that need not be computed again, by number. @throws InvalidArgumentError */
function checkResume<T>(resume: DocumentOptions<T>['resume'], task: DocumentTask): Map<number, PageSuccess<T>> {
  const known = new Map<number, PageSuccess<T>>();
  if (resume === undefined) return known;
  for (const page of checkArray('resume', resume, MAX_RESUMED)) {
    const result = readOptions('a page of resume', page) as PageSuccess<T>; // a copy: it may change meanwhile
    if (!checkBoolean('success of a page of resume', result.success)) continue;
    checkInteger('pageNumber of a page of resume', result.pageNumber, { min: 1 });
    checkString('response of a page of resume', result.response);
    if (result.task !== task) {
      throw new InvalidArgumentError(
        `Page ${result.pageNumber} of resume is of the task ${show(result.task)}, but the task is "${task}"`,
      );
    }
    known.set(result.pageNumber, result);
  }
  return known;
}

function documentResult<T>(pageResults: PageResult<T>[], task: DocumentTask, language: Language): DocumentResult<T> {
  const successfulPages = pageResults.filter(({ success }) => success).length;
  return {
    success: successfulPages === pageResults.length,
    pageResults,
    combinedContent: combinePages(pageResults, task, language),
    totalPages: pageResults.length,
    successfulPages,
  };
}
