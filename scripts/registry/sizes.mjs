// What the registry says about the size of a model, by the converter's own plan. Needs the built dist/.

import { readHyperParameters } from '../../dist/convert/hyper-parameters.js';
import { JsonReader } from '../../dist/convert/json.js';
import { planTensors } from '../../dist/convert/plan.js';
import { CONVERSION_TYPES } from '../../dist/convert/types.js';
import { estimateMemory } from '../../dist/memory-estimate.js';
import { configOf, tensorsOf } from './checkpoint.mjs';

/** Elements and bytes of ggml's blocks. */
const BLOCKS = {
  ...{ F32: [1, 4], F16: [1, 2], BF16: [1, 2] },
  ...{ Q8_0: [32, 34], Q5_0: [32, 22], Q5_1: [32, 24], Q4_0: [32, 18], Q4_1: [32, 20], IQ4_NL: [32, 18] },
  ...{ Q2_K: [256, 84], Q3_K: [256, 110], Q4_K: [256, 144], Q5_K: [256, 176], Q6_K: [256, 210], IQ4_XS: [256, 136] },
};
/** Where a tensor begins in a file. */
const ALIGNMENT = 32;
/** Llama 3's 128,256 tokens and 280,147 merges as GGUF metadata: llama.cpp's models/ggml-vocab-llama-bpe.gguf. */
const TOKENIZER_BYTES = 7_818_140;

/** { parameters, download, sizes: { <type>: { file, memory } } } */
export function sizesOf(architecture) {
  const tensors = tensorsOf(architecture);
  const hp = hyperParametersOf(architecture);
  const download = sum([...tensors.values()].map(({ bytes }) => bytes));
  return {
    parameters: download / 2,
    download,
    sizes: Object.fromEntries(
      CONVERSION_TYPES.map((type) => [type, sizeOf(planTensors(tensors, hp, { type, weighted: false }), hp)]),
    ),
  };
}

function hyperParametersOf(architecture) {
  const config = new JsonReader(configOf(architecture), 'config.json');
  const none = new JsonReader({}, 'none');
  return readHyperParameters({ location: 'registry', config, preprocessorConfig: none });
}

function sizeOf(plan, { text, vision }) {
  const tensors = plan.map(bytesOf);
  const padded = tensors.map((bytes) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
  const { total } = estimateMemory(sum(tensors), {
    text: { ...text, crossLayerCount: text.crossLayers.length },
    vision: { ...vision, intermediateCount: vision.intermediateLayers.length },
  });
  return { file: TOKENIZER_BYTES + sum(padded), memory: total };
}

function bytesOf({ name, type, ne }) {
  const block = BLOCKS[type];
  if (block === undefined) throw new Error(`${name} is stored as ${type}, whose block size is missing here`);
  const [elements, bytes] = block;
  return (ne.reduce((product, n) => product * n, 1) / elements) * bytes;
}

function sum(numbers) {
  return numbers.reduce((total, n) => total + n, 0);
}
