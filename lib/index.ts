/** The public API of node-bllossom. */

export {
  Batch,
  type BatchFailure,
  type BatchItem,
  type BatchOptions,
  type BatchPlan,
  type BatchProgress,
  type BatchWork,
} from './batch.js';
export type { ChatSource } from './chat.js';
export type { ChatMessage, ContentItem } from './chat-message.js';
export type { ChatTemplateOptions } from './chat-template.js';
export { Config } from './config.js';
export type {
  ConfigSections,
  GenerationSection,
  HardwareSection,
  ModelSection,
  NetworkSection,
  PathsSection,
  QuantizationSection,
} from './config-schema.js';
export type { ExportOptions } from './conversation/export.js';
export type { ImportOptions } from './conversation/import.js';
export type {
  AssistantMessage,
  ConversationInput,
  ConversationMessage,
  KeptImage,
  KeptItem,
  UserMessage,
} from './conversation/turn.js';
export {
  ConversationManager,
  type ConversationOptions,
  type ConversationResult,
  type HistorySummary,
  type ImportReport,
} from './conversation-manager.js';
export {
  type ConversionOptions,
  type ConversionProgress,
  type ConversionReport,
  type ConvertedTensor,
  convertCheckpoint,
} from './convert/convert.js';
export type { SourceType } from './convert/plan.js';
export {
  type CopyOptions,
  type CopyReport,
  exportText,
  type RewriteOptions,
  rewriteModel,
  VISION_TYPES,
  type VisionType,
} from './convert/rewrite.js';
export type { CheckpointFiles, RandomAccessFile } from './convert/tensor-source.js';
export { CONVERSION_TYPES, type ConversionType, type StoredType } from './convert/types.js';
export type { PageRange } from './document/page-range.js';
export type { DocumentSource } from './document/page-source.js';
export type { PdfOptions, PdfSource } from './document/pdf.js';
export type { DocumentTask } from './document/tasks.js';
export {
  type DocumentBatch,
  type DocumentOptions,
  DocumentProcessor,
  type DocumentProgress,
  type DocumentResult,
  type PageFailure,
  type PageResult,
  type PageSuccess,
} from './document-processor.js';
export type { EncodedImage, EncodeImageOptions, ImageInput } from './encoded-image.js';
export { setupEnvironment } from './environment.js';
export {
  BackendError,
  BllossomError,
  CancelledError,
  ClosedError,
  ConnectionError,
  ContextFullError,
  ERROR_CODES,
  type ErrorCode,
  type ErrorOptions,
  type FittingOptions,
  ImageDecodeError,
  ImageLimitError,
  InternalError,
  InvalidArgumentError,
  InvalidOptionError,
  IoError,
  ModelFormatError,
  ModelNotFoundError,
  ModelNotLoadedError,
  ModelOutputError,
  ModelUnsupportedError,
  NativeMissingError,
  OutOfMemoryError,
  type OutOfMemoryOptions,
  TimeoutError,
} from './errors.js';
export { Generation, type GenerationControl, type GenerationOptions } from './generation.js';
export type { GenerateOptions, GenerationParameters, SamplingOptions } from './generation-parameters.js';
export type { PullProgress } from './hub/pace.js';
export { type PulledModel, pullModel } from './hub/pull.js';
export type { PullOptions } from './hub/pull-options.js';
export type { DecodeOptions, ImageSource } from './image/decode.js';
export type { ImageLimits } from './image/limits.js';
export type { PreparedImage } from './image/prepare.js';
export type { EncodedSource, UrlFetcher } from './image/source.js';
export {
  collectImportance,
  type ImportanceOptions,
  type ImportanceProgress,
  type ImportanceReport,
} from './importance/collect.js';
export { type GgufReport, inspectGguf } from './inspect.js';
export type { MemoryEstimate } from './memory-estimate.js';
export type { ModelArchitecture, ModelInfo } from './model-info.js';
export {
  getModelManager,
  type LoadedModel,
  type LoadModelOptions,
  ModelManager,
  type SessionOptions,
} from './model-manager.js';
export { type InstalledModel, listModels, type ModelFilter, removeModel } from './models/installed.js';
export type { ModelRecord, ModelSource } from './models/record.js';
export {
  type ExpectedArchitecture,
  type KnownModel,
  knownModels,
  type Licence,
  type ModelSize,
  type ResolvedModel,
  resolveModel,
} from './models/registry.js';
export { type VerifiedModel, type VerifyOptions, verifyModel } from './models/verify.js';
export {
  type MonitoredResult,
  monitorPerformance,
  type PerformanceReport,
} from './monitor-performance.js';
export type {
  Concession,
  FinishReason,
  MetadataValue,
  NativeDevice as Device,
  NativeDeviceMemory as DeviceMemory,
  NativeImage as ImageTiles,
  NativeMemory as MemoryUse,
  NativeMemoryPlan as MemoryPlan,
  NativeModelInfo as LoadedModelInfo,
  NativePlannedDevice as PlannedDevice,
  NativePromptPart as PromptPart,
  NativeSession as SessionContents,
  NativeSystemInfo as SystemInfo,
  NativeTensorInfo as TensorInfo,
} from './native/binding.js';
export type { PrepareImageOptions, Processor } from './processor.js';
export type { GenerationResult, LogProbability, TokenLogprob } from './run-generation.js';
export {
  type RetriedError,
  type RetryOptions,
  retry,
  type SafeGenerateOptions,
  safeGenerate,
} from './safe-generate.js';
export {
  CompiledFormat,
  compileResponseFormat,
  type JsonSchema,
  type ResponseFormat,
} from './structured/response-format.js';
export type { StandardSchema, StandardSchemaIssue, StandardSchemaResult } from './structured/standard-schema.js';
export { type BatchGenerateOptions, TextGenerator } from './text-generator.js';
export {
  type BatchAnalyzeOptions,
  VisionGenerator,
  type VisionOptions,
  type VisionResult,
  type VisionTaskOptions,
} from './vision-generator.js';
export type { Language, VisionTask } from './vision-tasks.js';
export { withModel } from './with-model.js';
