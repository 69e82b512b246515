/** A manager whose model is the scripted engine, for what must be seen at an exact moment. A token is a word. */

import { Config } from '../../lib/config.js';
import { type LoadedModel, ModelManager } from '../../lib/model-manager.js';
import type { NativeModelInfo, NativePromptPart } from '../../lib/native/binding.js';
import { Processor, promptText } from '../../lib/processor.js';
import { type ScriptedNative, scriptedEngine } from './scripted-engine.js';

const INFO = {
  ...{ contextSize: 1000, maxImages: 2, chatTemplate: null, tileSize: 28, maxTiles: 1, aspectRatios: [[1, 1]] },
  ...{ bosToken: '<|begin|>', eosToken: '<|eot_id|>', imageToken: '<|image|>' },
  specialTokens: ['<|begin|>', '<|eot_id|>', '<|start_header_id|>', '<|end_header_id|>'],
};

class ScriptedManager extends ModelManager {
  readonly #model: LoadedModel;
  clears = 0;

  constructor(model: LoadedModel, config: Config) {
    super(config);
    this.#model = model;
  }

  override requireModel(): LoadedModel {
    return this.#model;
  }

  override async clearMemory(): Promise<void> {
    this.clears++;
  }
}

export interface ScriptedModel {
  manager: ScriptedManager;
  native: ScriptedNative;
  /** The prompt of every request so far. */
  prompts(): string[];
}

export function scriptedModel(pieces: string[], info: Partial<NativeModelInfo> = {}): ScriptedModel {
  const { engine, native } = scriptedEngine(pieces);
  native.tokenize = (prompt: NativePromptPart[] = []) =>
    Int32Array.from(prompt.flatMap((part) => ('text' in part ? (part.text.match(/\S+/g) ?? []) : ['special'])).keys());
  const facts = { ...INFO, ...info } as NativeModelInfo;
  const tileImage = async () => new Uint8Array(28 * 28 * 3);
  const config = new Config();
  const manager = new ScriptedManager(
    { engine, info: facts, processor: new Processor(engine, facts, tileImage, () => undefined) },
    config,
  );
  return { manager, native, prompts: () => native.requests.map(({ prompt }) => promptText(prompt)) };
}
