import type { NativeMetadataEntry } from '../../lib/native/binding.js';
import { loadNative } from '../../lib/native/load.js';
import { readGgufTensors } from './gguf-tensors.js';

/**
 * Writes the language model of a file of ours without its cross layers as a plain llama file, with all that libllama's
 * quantizer looks at. Returns the names of the tensors in both: ours by theirs.
 */
export async function exportTextModel(model: string, output: string): Promise<Map<string, string>> {
  const { info, bytes } = await readGgufTensors(model);
  const names = textNames(info.metadata, info.tensors);
  const byName = new Map(info.tensors.map((tensor) => [tensor.name, tensor]));
  const vocab = info.metadata['mllama.vocab_size'] as number;
  const plan = [...names].map(([theirs, ours]) => {
    const { type, ne } = byName.get(ours) as (typeof info.tensors)[number];
    return { name: theirs, type, ne: theirs === 'token_embd.weight' ? [ne[0] as number, vocab] : ne };
  });
  const writer = new (loadNative().GgufWriter)(output, llamaMetadata(info.metadata), plan, { threads: 1 });
  for (const [i, { name, type, ne }] of plan.entries()) {
    const rows = ne.reduce((product, n) => product * n, type === 'F32' ? 4 : 2);
    const data = await bytes(names.get(name) as string);
    await writer.write(i, data.subarray(0, rows), type as 'F32' | 'BF16');
  }
  await writer.finish();
  return names;
}

type Metadata = Awaited<ReturnType<typeof readGgufTensors>>['info']['metadata'];

/** Self layers are numbered anew. */
function textNames(metadata: Metadata, tensors: readonly { name: string }[]): Map<string, string> {
  const cross = metadata['mllama.attention.cross_attention_layers'] as number[];
  const names = new Map<string, string>();
  for (const { name } of tensors) {
    const [, layer, rest] = /^blk\.(\d+)\.(.+)$/.exec(name) ?? [];
    if (layer === undefined) {
      if (/^(token_embd|output|output_norm|rope_freqs)\.weight$/.test(name)) names.set(name, name);
    } else if (!cross.includes(Number(layer))) {
      const before = cross.filter((index) => index < Number(layer)).length;
      names.set(`blk.${Number(layer) - before}.${rest}`, name);
    }
  }
  return names;
}

function llamaMetadata(metadata: Metadata): NativeMetadataEntry[] {
  const number = (key: string) => metadata[`mllama.${key}`] as number;
  const u32 = (key: string, value = number(key)): NativeMetadataEntry => ({ key: `llama.${key}`, type: 'u32', value });
  const cross = metadata['mllama.attention.cross_attention_layers'] as number[];
  return [
    { key: 'general.architecture', type: 'string', value: 'llama' },
    ...['vocab_size', 'context_length', 'embedding_length', 'feed_forward_length'].map((key) => u32(key)),
    u32('block_count', number('block_count') - cross.length),
    ...['attention.head_count', 'attention.head_count_kv', 'rope.dimension_count'].map((key) => u32(key)),
    {
      key: 'llama.attention.layer_norm_rms_epsilon',
      type: 'f32',
      value: number('attention.layer_norm_rms_epsilon'),
    },
  ];
}
