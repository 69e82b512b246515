/** How a memory plan is told. */

import type { MemoryPlan } from '../index.js';
import { grid } from './columns.js';
import { type MessageKey, message } from './messages.js';
import { size } from './printable.js';

const CONCESSIONS: Record<MemoryPlan['concessions'][number], MessageKey> = {
  visionOnHost: 'planVisionOnHost',
  fewerImages: 'planFewerImages',
  smallerCacheType: 'planSmallerCacheType',
  smallerContext: 'planSmallerContext',
  layersOnHost: 'planLayersOnHost',
  noGpu: 'planNoGpu',
};

/** A line about the settings, a table with a row per device, and a line for everything that was given up. */
export function describePlan(plan: MemoryPlan): string[] {
  const { contextSize: context, maxImages: images, kvCacheType: type, gpuLayers, devices, concessions } = plan;
  const layers = devices.reduce((sum, device) => sum + device.layers, 0);
  const titles = ['planDevice', 'planLayers', 'planWeights', 'planVision', 'planCaches', 'planScratch'] as const;
  const sums = ['planReserve', 'planTogether', 'planLimit', 'planFree'] as const;
  const rows = devices.map((device) => {
    const caches = device.selfCache + device.crossCache;
    const together = device.weights + device.vision + caches + device.compute + device.reserve;
    const parts = [device.weights, device.vision, caches, device.compute, device.reserve, together, device.limit];
    return [device.name, String(device.layers), ...parts.map(size), size(device.memoryFree)];
  });
  return [
    message('planSettings', { context, images, type, gpuLayers, layers }),
    ...grid([[...titles, ...sums].map((key) => message(key)), ...rows]).map((line) => `  ${line}`),
    ...concessions.map((what) => `  ${message(CONCESSIONS[what], { context, images, type, gpuLayers, layers })}`),
    ...(concessions.length === 0 ? [`  ${message('planNothingGivenUp')}`] : []),
  ];
}
