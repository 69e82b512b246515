import { describe, expect, it } from 'vitest';
import { Config } from '../../lib/config.js';
import { pickDevice } from '../../lib/device.js';
import { InvalidArgumentError } from '../../lib/errors.js';
import type { NativeDevice } from '../../lib/native/binding.js';

const device = (name: string, description: string, type: NativeDevice['type']): NativeDevice => ({
  ...{ name, description, type, memoryFree: 1, memoryTotal: 1 },
});
const CPU = device('CPU', 'A processor', 'cpu');
const MACHINE = [
  device('CUDA0', 'NVIDIA GeForce RTX 4060', 'gpu'),
  device('CUDA1', 'NVIDIA GeForce RTX 4090', 'gpu'),
  device('CUDA2', 'NVIDIA GeForce RTX 4060 Ti', 'gpu'),
  device('Vulkan0', 'Graphics of the processor', 'igpu'),
  CPU,
];

function pick(targetGpu: string | number | null, visible = '', deviceMap = 'auto', devices = MACHINE): string {
  const config = new Config();
  Object.assign(config.hardware, { targetGpu });
  Object.assign(config.model, { deviceMap });
  return pickDevice(config, devices, visible);
}

describe('pickDevice', () => {
  it('leaves the choice to the engine without a target', () => expect(pick(null)).toBe('auto'));

  it.each([
    [1, 'CUDA1'],
    ['1', 'CUDA1'],
    ['cuda2', 'CUDA2'],
    ['RTX 4060', 'CUDA0'],
    ['rtx 4060 ti', 'CUDA2'],
    [' 4090 ', 'CUDA1'],
  ])('finds %j', (target, name) => expect(pick(target)).toBe(name));

  it('numbers GPUs as the machine does, whichever are visible', () => {
    expect(pick(5, '5')).toBe('CUDA0');
    expect(pick(1, '3, 1')).toBe('CUDA1');
    expect(pick(1, 'GPU-8f2a,GPU-77bc')).toBe('CUDA1');
    expect(() => pick(0, '2,3')).toThrow(/no GPU 0.*CUDA_VISIBLE_DEVICES=2,3/);
  });

  it.each(['H100', 3, 'Graphics of the processor', 'CPU'])('refuses %j, naming the GPUs that there are', (target) => {
    expect(() => pick(target)).toThrow(InvalidArgumentError);
    expect(() => pick(target)).toThrow(/hardware\.targetGpu.*CUDA0 \(NVIDIA GeForce RTX 4060\), CUDA1/);
  });

  it('does without on a machine that has no GPU', () => expect(pick('RTX 4060', '', 'auto', [CPU])).toBe('auto'));

  it.each([
    ['cpu', 'cpu'],
    ['cuda', 'cuda'],
    ['CUDA1', 'CUDA1'],
    ['cuda:1', 'cuda1'],
  ])('a deviceMap of %j goes before the target', (map, name) => expect(pick('H100', '', map)).toBe(name));
});
