/** What the command line says, in the language of the locale. */

import type { ErrorCode } from '../index.js';
import { isKorean } from './locale.js';
import { EN, type MessageKey } from './messages/en.js';
import { KO_ERRORS } from './messages/errors-ko.js';
import { KO } from './messages/ko.js';

export type { MessageKey };

/** A message with the `{name}` in it replaced by `values.name`. */
export function message(key: MessageKey, values: Record<string, string | number> = {}): string {
  const text = (isKorean() ? KO : EN)[key];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}

/** One line for an error. */
export function errorLine(text: string, code?: ErrorCode): string {
  const detail = text.replace(/\s*\n\s*/g, ' ').trim();
  const lead = code && isKorean() ? `${KO_ERRORS[code]}: ` : '';
  return `${message('error')}: ${lead}${detail}`;
}
