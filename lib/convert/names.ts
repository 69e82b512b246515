import { ModelFormatError } from '../errors.js';
import type { SourceTensor } from './tensor-source.js';

/**
 * One spelling for all generations of checkpoints: `vision_model.…`, `language_model.…` (the decoder's body),
 * `lm_head.…`, `multi_modal_projector.…`. Undefined for a name that no generation of Mllama has.
 */
export function canonicalName(name: string): string | undefined {
  const rest = name.replace(/^model\./, '');
  const head = /^(?:language_model\.)?lm_head\.(.+)$/.exec(rest);
  if (head !== null) {
    return `lm_head.${head[1]}`;
  }
  const part = /^(vision_model|vision_tower|language_model|multi_modal_projector)\.(?:model\.)?(.+)$/.exec(rest);
  return part === null ? undefined : `${part[1] === 'vision_tower' ? 'vision_model' : part[1]}.${part[2]}`;
}

/** Buffers that old versions saved although they are computed from the config. */
const isIgnorable = (name: string): boolean => /\.(rotary_emb\.inv_freq|position_ids)$/.test(name);

/** The checkpoint's tensors by canonical name, without the ignorable ones. Throws ModelFormatError for a foreign or doubled one. */
export function canonicalTensors(tensors: ReadonlyMap<string, SourceTensor>): Map<string, SourceTensor> {
  const result = new Map<string, SourceTensor>();
  for (const tensor of tensors.values()) {
    if (isIgnorable(tensor.name)) {
      continue;
    }
    const name = canonicalName(tensor.name);
    if (name === undefined) {
      throw new ModelFormatError(`The checkpoint holds the tensor ${tensor.name}, which Mllama does not have`);
    }
    const other = result.get(name);
    if (other !== undefined) {
      throw new ModelFormatError(`The checkpoint holds one tensor twice, as ${other.name} and as ${tensor.name}`);
    }
    result.set(name, tensor);
  }
  return result;
}
