import type { GenerationResult } from '../index.js';
import { table } from './columns.js';
import { message } from './messages.js';

const seconds = (value: number) => `${value.toFixed(3)} ${message('seconds')}`;

export function speed(perSecond: number, tokens: number): string {
  return `${perSecond.toFixed(2)} ${message('tokensPerSecond')} (${tokens} ${message('tokens')})`;
}

/** @param loadTime left out where the model was loaded long before */
export function printTimings(result: GenerationResult, loadTime?: number): void {
  const rows: [string, string][] = [
    [message('imageTime'), seconds(result.imageEncodeTime)],
    [message('firstToken'), seconds(result.timeToFirstToken)],
    [message('promptSpeed'), speed(result.promptTokensPerSecond, result.inputTokens - result.cachedTokens)],
    [message('decodeSpeed'), speed(result.decodeTokensPerSecond, result.outputTokens)],
  ];
  if (result.cachedTokens > 0) {
    rows.splice(3, 0, [message('cachedTokens'), `${result.cachedTokens} ${message('tokens')}`]);
  }
  if (loadTime !== undefined) rows.unshift([message('loadTime'), seconds(loadTime)]);
  for (const line of table(rows, 14)) process.stderr.write(`${line}\n`);
}
