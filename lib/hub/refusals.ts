/** What an answer of the hub means that is not the file. */

import { show } from '../check.js';
import { type BllossomError, ConnectionError, ModelNotFoundError } from '../errors.js';
import { TransientError } from './transient.js';

/** An answer without its body. */
export interface AnswerHead {
  status: number;
  headers: Readonly<Record<string, string | undefined>>;
}

const TRANSIENT = [408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524];

/**
 * @param subject what was asked for, in words
 * @param host who answered
 */
export function refusalOf({ status, headers }: AnswerHead, subject: string, host: string): Error {
  if (TRANSIENT.includes(status)) {
    return new TransientError(`${show(host)} answered ${status} for ${subject}`, secondsOf(headers['retry-after']));
  }
  return denied(status, headers['x-error-code'], subject) ?? other(status, subject, host);
}

function denied(status: number, code: string | undefined, subject: string): BllossomError | undefined {
  if (code === 'GatedRepo') {
    return new ConnectionError(
      `${subject} is gated: open the page of the model on the hub, accept its terms there with your account, and give a ` +
        'token of that account with --token, the option token, or HF_TOKEN',
    );
  }
  if (code === 'RepoNotFound' || (status === 401 && code === undefined)) {
    return new ModelNotFoundError(
      `The hub has no ${subject} that it would show to you: check the name; for a private or gated model give a token ` +
        'with --token, the option token, or HF_TOKEN',
    );
  }
  if (code === 'RevisionNotFound') return new ModelNotFoundError(`The hub has no such revision: ${subject}`);
  if (code === 'EntryNotFound' || status === 404 || status === 410) {
    return new ModelNotFoundError(`The hub has no ${subject}`);
  }
  if (status === 401 || status === 403) {
    return new ConnectionError(
      `The hub refuses ${subject} (${status}): check that the token is valid, may read this repository, and that its ` +
        'account has accepted the terms of the model',
    );
  }
  return undefined;
}

function other(status: number, subject: string, host: string): BllossomError {
  return new ConnectionError(`${show(host)} answered ${status} for ${subject}; that is not how a hub answers`);
}

/** Retry-After in seconds: a number, or a date. */
function secondsOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}
