/**
 * The types of the public API, compiled with the tests and never run: each line of `Checks` must hold both ways, and
 * each line below `@ts-expect-error` must be refused.
 */

import type {
  Batch,
  BatchFailure,
  BatchItem,
  ChatMessage,
  ConfigSections,
  ContentItem,
  ConversionReport,
  EncodedImage,
  ErrorCode,
  GenerateOptions,
  Generation,
  GenerationParameters,
  GenerationResult,
  GgufReport,
  ImageInput,
  ImageSource,
  LoadedModel,
  LoadModelOptions,
  MemoryPlan,
  ModelInfo,
  Processor,
  SessionContents,
  SessionOptions,
  TokenLogprob,
  VisionGenerator,
  VisionOptions,
  VisionResult,
  VisionTaskOptions,
} from '../../lib/index.js';
import * as api from '../../lib/index.js';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type All<T extends readonly true[]> = T;

type Text = InstanceType<typeof api.TextGenerator>;
type Talk = InstanceType<typeof api.ConversationManager>;
type Documents = InstanceType<typeof api.DocumentProcessor>;
type Manager = InstanceType<typeof api.ModelManager>;
type Config = InstanceType<typeof api.Config>;
type AsyncDispose = typeof Symbol.asyncDispose;
type Call<A extends unknown[], R> = (...args: A) => R;
type Task = <T = unknown>(image: ImageInput, options?: VisionTaskOptions<T>) => Generation<VisionResult<T>>;

export type Calls = All<
  [
    Equal<ConstructorParameters<typeof api.Config>, [file?: string | undefined]>,
    Equal<Config['loadFromYaml'], Call<[file: string], void>>,
    Equal<Config['saveToYaml'], Call<[file?: string], void>>,
    Equal<Config['printConfig'], Call<[], void>>,
    Equal<ConstructorParameters<typeof api.ModelManager>, [config?: Config | undefined]>,
    Equal<typeof api.getModelManager, Call<[config?: Config], Manager>>,
    Equal<typeof api.setupEnvironment, Call<[config?: Config], Record<string, string>>>,
    Equal<Parameters<typeof api.withModel>[0], Config | Manager>,
    Equal<Manager['loadModel'], Call<[options?: LoadModelOptions], Promise<boolean>>>,
    Equal<Manager['unloadModel'], Call<[], Promise<void>>>,
    Equal<Manager['clearMemory'], Call<[], Promise<void>>>,
    Equal<Manager['saveSession'], Call<[file: string, options?: SessionOptions], Promise<SessionContents>>>,
    Equal<Manager['loadSession'], Call<[file: string, options?: SessionOptions], Promise<SessionContents>>>,
    Equal<Manager['planMemory'], Call<[], Promise<MemoryPlan>>>,
    Equal<Manager['getModelInfo'], Call<[], ModelInfo>>,
    Equal<Manager['healthCheck'], Call<[], Promise<boolean>>>,
    Equal<Manager['requireModel'], Call<[], LoadedModel>>,
    Equal<ConstructorParameters<typeof api.TextGenerator>, [manager: Manager, config?: Config | undefined]>,
    Equal<
      Text['generate'],
      <T = unknown>(prompt: string, options?: GenerateOptions<T>) => Generation<GenerationResult<T>>
    >,
    Equal<
      Text['chatGenerate'],
      <T = unknown>(messages: readonly ChatMessage[], options?: GenerateOptions<T>) => Generation<GenerationResult<T>>
    >,
    Equal<
      Text['batchGenerate'],
      <T = unknown>(
        prompts: readonly string[],
        options?: api.BatchGenerateOptions<T>,
      ) => Batch<BatchItem<GenerationResult<T>>>
    >,
    Equal<ConstructorParameters<typeof api.VisionGenerator>, [manager: Manager, config?: Config | undefined]>,
    Equal<
      VisionGenerator['generateWithImage'],
      <T = unknown>(image: ImageInput, prompt: string, options?: VisionOptions<T>) => Generation<VisionResult<T>>
    >,
    Equal<
      VisionGenerator['answerVisualQuestion'],
      <T = unknown>(image: ImageInput, question: string, options?: VisionOptions<T>) => Generation<VisionResult<T>>
    >,
    Equal<VisionGenerator['describeImage'], Task>,
    Equal<VisionGenerator['extractText'], Task>,
    Equal<VisionGenerator['analyzeChart'], Task>,
    Equal<VisionGenerator['analyzeTable'], Task>,
    Equal<VisionGenerator['convertToMarkdown'], Task>,
    Equal<
      VisionGenerator['batchAnalyzeImages'],
      <T = unknown>(
        images: readonly ImageInput[],
        prompt: string,
        options?: api.BatchAnalyzeOptions<T>,
      ) => Batch<BatchItem<VisionResult<T>>>
    >,
    Equal<
      VisionGenerator['encodeImage'],
      Call<[image: ImageSource, options?: api.EncodeImageOptions], Promise<EncodedImage>>
    >,
    Equal<EncodedImage['release'], Call<[], Promise<void>>>,
    Equal<ConstructorParameters<typeof api.DocumentProcessor>, [visionGenerator: VisionGenerator]>,
    Equal<
      Documents['processDocumentPage'],
      <T = unknown>(
        image: ImageInput,
        task?: api.DocumentTask,
        options?: VisionTaskOptions<T>,
      ) => Generation<VisionResult<T>>
    >,
    Equal<
      Documents['processMultiPageDocument'],
      <T = unknown>(
        document: api.DocumentSource,
        task?: api.DocumentTask,
        options?: api.DocumentOptions<T>,
      ) => api.DocumentBatch<T>
    >,
    Equal<ConstructorParameters<typeof api.ConversationManager>[0], Text>,
    Equal<Talk['setSystemMessage'], Call<[text: string | null], void>>,
    Equal<
      Talk['generateResponse'],
      <T = unknown>(input: api.ConversationInput, options?: GenerateOptions<T>) => Generation<api.ConversationResult<T>>
    >,
    Equal<Talk['clearHistory'], Call<[], void>>,
    Equal<Talk['getHistorySummary'], Call<[], api.HistorySummary>>,
    Equal<Talk['exportConversation'], Call<[filename?: string, options?: api.ExportOptions], Promise<string>>>,
    Equal<
      typeof api.safeGenerate,
      <T = unknown>(
        generator: Text,
        prompt: string,
        options?: api.SafeGenerateOptions<T>,
      ) => Promise<GenerationResult<T>>
    >,
    Equal<Awaited<ReturnType<typeof api.inspectGguf>>, GgufReport>,
    Equal<Awaited<ReturnType<typeof api.convertCheckpoint>>, ConversionReport>,
    Equal<
      typeof api.collectImportance,
      Call<[manager: Manager, options: api.ImportanceOptions], Promise<api.ImportanceReport>>
    >,
  ]
>;

export type Fields = All<
  [
    Equal<Talk['conversationHistory'], readonly api.ConversationMessage[]>,
    Equal<Talk['systemMessage'], string | null>,
    Equal<Talk['maxHistory'], number>,
    Equal<
      keyof api.HistorySummary,
      'totalMessages' | 'userMessages' | 'assistantMessages' | 'systemMessage' | 'latestMessages'
    >,
    Equal<keyof api.PerformanceReport, 'executionTime' | 'memoryUsed' | 'functionName'>,
    Equal<Manager['isLoaded'], boolean>,
    Equal<Manager['device'], string | null>,
    Equal<Manager['model'], LoadedModel | null>,
    Equal<Manager['processor'], Processor | null>,
    Equal<Manager['lastError'], Error | null>,
    Equal<Pick<Config, keyof ConfigSections>, ConfigSections>,
    Equal<keyof ConfigSections, 'model' | 'quantization' | 'generation' | 'hardware' | 'paths' | 'network'>,
    Equal<ModelInfo['status'], 'loaded' | 'not_loaded'>,
    Equal<
      keyof ModelInfo,
      | ('status' | 'modelName' | 'device' | 'quantization' | 'vramAllocated' | 'vramTotal' | 'ramAllocated')
      | 'architecture'
    >,
    Equal<GenerationResult['success'], true>,
    Equal<BatchFailure, { success: false; index: number; error: Error }>,
    Equal<
      keyof GenerationResult,
      | (
          | 'success'
          | 'response'
          | 'parsed'
          | 'fullResponse'
          | 'generationTime'
          | 'inputTokens'
          | 'cachedTokens'
          | 'outputTokens'
        )
      | ('tokensPerSecond' | 'timeToFirstToken' | 'promptTokensPerSecond' | 'decodeTokensPerSecond')
      | ('imageEncodeTime' | 'imageSizes' | 'finishReason' | 'seed' | 'parameters' | 'logprobs')
    >,
    Equal<Exclude<keyof VisionResult, keyof GenerationResult>, 'imageSize'>,
    Equal<VisionResult['imageSize'], [number, number]>,
    Equal<GenerationResult['finishReason'], 'stop' | 'length'>,
    Equal<GenerationResult['parameters'], GenerationParameters>,
    Equal<GenerationResult['logprobs'], TokenLogprob[] | null>,
    Equal<api.DocumentTask, 'extract' | 'summarize' | 'markdown' | 'table'>,
    Equal<api.DocumentSource, readonly ImageInput[] | api.PdfSource>,
    Equal<api.PageRange, string | number | readonly number[]>,
    Equal<keyof api.PdfOptions, 'password' | 'fonts' | 'dpi'>,
    Equal<
      Exclude<keyof api.DocumentOptions, keyof VisionTaskOptions | keyof api.PdfOptions>,
      'pages' | 'onProgress' | 'resume'
    >,
    Equal<Exclude<keyof VisionTaskOptions, keyof api.DocumentOptions>, 'onToken'>,
    Equal<
      api.DocumentResult,
      {
        success: boolean;
        pageResults: api.PageResult[];
        combinedContent: string;
        totalPages: number;
        successfulPages: number;
      }
    >,
    Equal<Exclude<keyof api.PageSuccess, keyof VisionResult>, 'pageNumber' | 'task' | 'missingCharacters' | 'warnings'>,
    Equal<api.PageFailure, { success: false; pageNumber: number; error: Error }>,
    Equal<api.PageResult, api.PageSuccess | api.PageFailure>,
    Equal<api.DocumentProgress, { page: number; done: number; total: number }>,
    Equal<Awaited<api.DocumentBatch>, api.DocumentResult>,
    Equal<keyof EncodedImage, 'width' | 'height' | 'tiles' | 'encodeTime' | 'released' | 'release' | AsyncDispose>,
    Equal<ImageInput, ImageSource | EncodedImage>,
    Equal<ContentItem['type'], 'text' | 'image'>,
    Equal<InstanceType<typeof api.BllossomError>['code'], ErrorCode>,
    Equal<Awaited<Generation<GenerationResult>>, GenerationResult>,
    Equal<Awaited<Batch<BatchItem<GenerationResult>>>, BatchItem<GenerationResult>[]>,
  ]
>;

/** Every option may be left out, and may be undefined. */
type Optional<T> = Equal<T, { [K in keyof T]?: T[K] | undefined }>;
export type Options = All<
  [
    Optional<GenerateOptions>,
    Optional<VisionTaskOptions>,
    Optional<LoadModelOptions>,
    Optional<api.BatchGenerateOptions>,
    Optional<api.BatchAnalyzeOptions>,
    Optional<api.ChatTemplateOptions>,
    Optional<api.PrepareImageOptions>,
    Optional<api.EncodeImageOptions>,
    Optional<api.DocumentOptions>,
    Optional<api.PdfOptions>,
    Optional<api.ConversationOptions>,
    Optional<api.ExportOptions>,
    Optional<api.ImportOptions>,
    Optional<api.RetryOptions>,
    Optional<api.SafeGenerateOptions>,
    Optional<Omit<api.ConversionOptions, 'source' | 'output'>>,
  ]
>;

/** Names of the members whose types are any, or take or give it. */
type IsAny<T> = 0 extends 1 & T ? true : false;
type HoldsAny<T> =
  true extends IsAny<T>
    ? true
    : T extends (...args: infer A) => infer R
      ? true extends IsAny<R> | { [I in keyof A]: IsAny<A[I]> }[number]
        ? true
        : false
      : false;
type AnyMembers<T> = { [K in keyof T]: HoldsAny<T[K]> extends true ? K : never }[keyof T];
export type NoAny = All<
  [
    Equal<AnyMembers<{ bad: (x: string) => ReturnType<typeof JSON.parse>; good: string }>, 'bad'>,
    Equal<AnyMembers<typeof api>, never>,
    Equal<AnyMembers<Config>, never>,
    Equal<AnyMembers<Manager>, never>,
    Equal<AnyMembers<Text>, never>,
    Equal<AnyMembers<VisionGenerator>, never>,
    Equal<AnyMembers<EncodedImage>, never>,
    Equal<AnyMembers<Talk>, never>,
    Equal<AnyMembers<Documents>, never>,
    Equal<AnyMembers<api.DocumentResult>, never>,
    Equal<AnyMembers<Required<api.PageSuccess>>, never>,
    Equal<AnyMembers<Processor>, never>,
    Equal<AnyMembers<LoadedModel['engine']>, never>,
    Equal<AnyMembers<Generation<GenerationResult>>, never>,
    Equal<AnyMembers<Batch<BatchItem<GenerationResult>>>, never>,
    Equal<AnyMembers<GenerationResult>, never>,
    Equal<AnyMembers<ModelInfo>, never>,
    Equal<AnyMembers<ChatMessage>, never>,
  ]
>;

/** What must not compile. */
export function misuse(
  manager: Manager,
  text: Text,
  vision: VisionGenerator,
  config: Config,
  documents: Documents,
): void {
  // @ts-expect-error a file is named by a text
  new api.Config(5);
  // @ts-expect-error a generator needs a manager
  new api.TextGenerator();
  // @ts-expect-error a configuration is no manager
  new api.VisionGenerator(config);
  // @ts-expect-error what is to be done with the model is missing
  api.withModel(config);
  // @ts-expect-error a prompt is a text
  text.generate(5);
  // @ts-expect-error a misspelled option
  text.generate('x', { maxToken: 5 });
  // @ts-expect-error an option of the original's spelling
  text.generate('x', { max_tokens: 5 });
  // @ts-expect-error a number as a text
  text.generate('x', { temperature: '0.5' });
  // @ts-expect-error null is no option
  text.generate('x', { maxTokens: null });
  // @ts-expect-error a message has a role
  text.chatGenerate([{ content: 'x' }]);
  // @ts-expect-error content is a text or items
  text.chatGenerate([{ role: 'user', content: 5 }]);
  // @ts-expect-error an item is a text or an image
  text.chatGenerate([{ role: 'user', content: [{ type: 'video' }] }]);
  // @ts-expect-error one prompt is no batch
  text.batchGenerate('x');
  // @ts-expect-error a picture is no number
  vision.describeImage(5);
  // @ts-expect-error a question is missing
  vision.answerVisualQuestion('x.png');
  // @ts-expect-error an encoded image is encoded already
  vision.encodeImage('x.png').then((image) => vision.encodeImage(image));
  // @ts-expect-error an encoded image is upright
  vision.encodeImage('x.png', { preprocess: false });
  // @ts-expect-error a conversation needs a generator
  new api.ConversationManager(manager);
  // @ts-expect-error a document processor needs a vision generator
  new api.DocumentProcessor(manager);
  // @ts-expect-error the vision generator's name of a task
  documents.processDocumentPage('x.png', 'ocr');
  // @ts-expect-error pages have no single stream
  documents.processMultiPageDocument('x.pdf', 'extract', { onToken() {} });
  // @ts-expect-error a page that may have failed has no response yet
  documents.processMultiPageDocument('x.pdf').then(({ pageResults: [page] }) => page?.response);
  // @ts-expect-error a number of retries as a text
  api.safeGenerate(text, 'x', { maxRetries: '3' });
  // @ts-expect-error what is measured gives an object
  api.monitorPerformance(async () => 'text');
  // @ts-expect-error a language that is not spoken
  vision.extractText('x.png', { language: 'fr' });
  // @ts-expect-error a task that is not known
  vision.runTask('translate', 'x.png');
  // @ts-expect-error the state is the manager's
  manager.isLoaded = true;
  // @ts-expect-error a key that is not there
  config.generation.maxToken = 5;
  // @ts-expect-error a value that is not offered
  config.model.crossRowMode = 'both';
  // @ts-expect-error a code that is not known
  new api.BllossomError('ERR_UNKNOWN', 'x');
  // @ts-expect-error an item that may have failed has no response yet
  text.batchGenerate(['x']).then(([item]) => item?.response);
}
