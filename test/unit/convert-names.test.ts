import { expect, test } from 'vitest';
import { canonicalName, canonicalTensors } from '../../lib/convert/names.js';

test.each([
  ['vision_model.class_embedding', 'vision_model.class_embedding'],
  ['model.vision_model.class_embedding', 'vision_model.class_embedding'],
  ['vision_tower.class_embedding', 'vision_model.class_embedding'],
  ['language_model.model.layers.0.mlp.up_proj.weight', 'language_model.layers.0.mlp.up_proj.weight'],
  ['model.language_model.layers.0.mlp.up_proj.weight', 'language_model.layers.0.mlp.up_proj.weight'],
  ['language_model.lm_head.weight', 'lm_head.weight'],
  ['lm_head.weight', 'lm_head.weight'],
  ['multi_modal_projector.bias', 'multi_modal_projector.bias'],
  ['model.multi_modal_projector.bias', 'multi_modal_projector.bias'],
])('%s is %s', (name, canonical) => {
  expect(canonicalName(name)).toBe(canonical);
});

test.each(['model.layers.0.mlp.up_proj.weight', 'visual.blocks.0.attn.weight', 'lm_head', ''])(
  '%j belongs to another model',
  (name) => {
    expect(canonicalName(name)).toBeUndefined();
  },
);

const tensors = (...names: string[]) =>
  new Map(names.map((name) => [name, { name, dtype: 'F32', shape: [1], bytes: 4 }]));

test('a foreign tensor is named', () => {
  expect(() => canonicalTensors(tensors('lm_head.weight', 'visual.weight'))).toThrow(
    /visual\.weight, which Mllama does not have/,
  );
});

test('one tensor under the names of two generations is refused', () => {
  expect(() => canonicalTensors(tensors('lm_head.weight', 'language_model.lm_head.weight'))).toThrow(
    /twice, as lm_head\.weight and as language_model\.lm_head\.weight/,
  );
});

test('buffers that old versions saved are left out', () => {
  const found = canonicalTensors(
    tensors('language_model.model.layers.0.self_attn.rotary_emb.inv_freq', 'lm_head.weight'),
  );
  expect([...found.keys()]).toEqual(['lm_head.weight']);
});
