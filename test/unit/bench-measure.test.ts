import { describe, expect, test } from 'vitest';
import { interleave, makeResult, median, spread } from '../../bench/suite/measure.mjs';
import { workOf } from '../../bench/suite/model-work.mjs';

describe('a result', () => {
  test('has the median of all repetitions, and their spread of it', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(spread([1, 2, 4])).toBe(1.5);
    expect(spread([0, 0])).toBe(0);
    expect(makeResult('speed', 'tokens/s', [[1, 2], [3]])).toEqual({
      ...{ name: 'speed', value: 2, unit: 'tokens/s', spread: 1 },
      ...{ ratios: {}, peers: {} },
    });
  });

  test('has ratios above one where we are ahead', () => {
    expect(makeResult('speed', 'tokens/s', [[6]], { peer: [[4]] }).ratios).toEqual({ peer: 1.5 });
    expect(makeResult('time', 'ms', [[6]], { peer: [[9]] }, { lowerIsBetter: true }).ratios).toEqual({ peer: 1.5 });
  });

  test('takes the spread of a ratio from the rounds, in which the machine was the same', () => {
    const { peers } = makeResult('speed', 'tokens/s', [[10], [20]], { peer: [[5], [10]] });
    expect(peers.peer).toEqual({ value: 7.5, spread: 2 / 3, ratioSpread: 0 });
  });

  test('leaves out a peer without turns', () => {
    expect(makeResult('speed', 'tokens/s', [[6]], { peer: undefined, other: [] }).ratios).toEqual({});
  });
});

describe('turns', () => {
  const order: string[] = [];
  const contestant = (name: string) => async () => {
    order.push(name);
    return [order.length];
  };

  test('go A B A B', async () => {
    order.length = 0;
    const turns = await interleave({ ours: contestant('ours'), peer: contestant('peer') }, 2);
    expect(order).toEqual(['ours', 'peer', 'ours', 'peer']);
    expect(turns).toEqual({ ours: [[1], [3]], peer: [[2], [4]] });
  });

  test('go on without a peer that fails, none of whose turns count', async () => {
    let called = 0;
    const failures: unknown[] = [];
    const peer = async () => {
      if (++called === 2) throw new Error('out of memory');
      return [1];
    };
    const onFailure = (name: string, error: unknown) => failures.push([name, (error as Error).message]);
    const turns = await interleave({ ours: async () => [1], peer }, 3, { onFailure });
    expect(turns).toEqual({ ours: [[1], [1], [1]] });
    expect(called).toBe(2);
    expect(failures).toEqual([['peer', 'out of memory']]);
  });

  test('end where ours fails', async () => {
    const ours = async (): Promise<number[]> => {
      throw new Error('no model');
    };
    await expect(interleave({ ours }, 2)).rejects.toThrow('no model');
  });
});

describe('the work of a model', () => {
  const tensor = (name: string, ne: number[], bytes: number) => ({ name, type: 'Q8_0', ne, bytes });
  const work = workOf({
    metadata: {
      'mllama.attention.cross_attention_layers': [1],
      'mllama.embedding_length': 64,
      'mllama.block_count': 2,
      'mllama.attention.head_count': 4,
      'mllama.attention.head_count_kv': 2,
      'mllama.vision.embedding_length': 32,
      'mllama.vision.block_count': 1,
      'mllama.vision.global.block_count': 0,
      'mllama.vision.num_channels': 3,
      'mllama.vision.image_size': 28,
      'mllama.vision.patch_size': 14,
      'mllama.vision.max_num_tiles': 4,
    },
    tensors: [
      tensor('token_embd.weight', [64, 100], 9000),
      tensor('output.weight', [64, 100], 7000),
      tensor('output_norm.weight', [64], 10),
      tensor('blk.0.attn_norm.weight', [64], 20),
      tensor('blk.0.ffn_up.weight', [64, 128], 3000),
      tensor('blk.1.cross_attn_k_proj.weight', [64, 32], 500),
      tensor('blk.1.cross_attn_q_proj.weight', [64, 64], 400),
      tensor('v.blk.0.ffn_up.weight', [32, 64], 600),
      tensor('mm.0.weight', [64, 64], 800),
    ],
  });

  test('loads every tensor', () => {
    expect(work.weightBytes).toBe(9000 + 7000 + 10 + 20 + 3000 + 500 + 400 + 600 + 800);
  });

  test('reads the self layers and the head for a step of text, and the keys and values so far', () => {
    expect(work.bytesPerStep(0)).toBe(7000 + 10 + 20 + 3000);
    // one layer, two heads of 16 numbers, a key and a value, two bytes each
    expect(work.bytesPerStep(10)).toBe(10030 + 10 * 2 * 16 * 2 * 2);
  });

  test('reads the cross layers besides where a picture is in sight, but not what made its keys and values', () => {
    expect(work.positions).toBe(5);
    expect(work.bytesPerStepWithPictures(0, 1, 1)).toBe(10030 + 400 + 5 * 128);
    expect(work.bytesPerStepWithPictures(10, 8, 4)).toBe(10030 + 8 * 1280 + 400 + 8 * 4 * 5 * 128);
  });

  test('multiplies every token of a prompt with the layers, and the last with the head', () => {
    expect(work.promptOperations(10)).toBe(2 * (10 * 64 * 128 + 64 * 100));
    expect(work.textProduct).toEqual({ type: 'Q8_0', columns: 64, rows: 128 });
  });

  test('multiplies every position of a picture, and attends to all of them', () => {
    const perPosition = 32 * 64 + 64 * 64 + 64 * 32 + 3 * 14 * 14 * 32;
    expect(work.pictureOperations(2)).toBe(2 * 10 * perPosition + 4 * 10 * 10 * 32);
  });
});
