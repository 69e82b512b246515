/** Which hub is asked, and who asks: by the variables that programs of Hugging Face honour. */

import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { show } from '../check.js';
import { InvalidArgumentError } from '../errors.js';

export interface HubAccess {
  /** Without a slash at its end. */
  endpoint: URL;
  /** Goes to the endpoint's origin and nowhere else. */
  token: string | undefined;
}

const DEFAULT_ENDPOINT = 'https://huggingface.co';
const MAX_TOKEN_BYTES = 4096;

/** Whether HF_HUB_OFFLINE forbids the network. */
export function isOffline(env: NodeJS.ProcessEnv = process.env): boolean {
  return /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE ?? '');
}

/**
 * - Endpoint: `HF_ENDPOINT`, for a mirror.
 * - Token: the given one, else `HF_TOKEN`, else the file that `HF_TOKEN_PATH` names, else `token` in `HF_HOME`
 *   (~/.cache/huggingface), where `hf auth login` leaves it.
 *
 * @throws InvalidArgumentError when the endpoint or the token cannot be one
 */
export async function hubAccess(token: string | undefined, env: NodeJS.ProcessEnv = process.env): Promise<HubAccess> {
  return { endpoint: endpointOf(env), token: checkToken(token ?? env.HF_TOKEN ?? (await readTokenFile(env))) };
}

function endpointOf(env: NodeJS.ProcessEnv): URL {
  const text = env.HF_ENDPOINT || DEFAULT_ENDPOINT;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '') {
    throw new InvalidArgumentError(`Expected an http(s) address for HF_ENDPOINT but received ${show(text)}`);
  }
  url.pathname = url.pathname.replace(/\/+$/, '');
  return url;
}

async function readTokenFile(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface');
  const path = env.HF_TOKEN_PATH || join(home, 'token');
  return readFile(path, 'utf8').catch(() => undefined);
}

/** A token is never shown, not even a wrong one. */
function checkToken(given: string | undefined): string | undefined {
  const token = given?.trim();
  if (token === undefined || token === '') return undefined;
  if (token.length > MAX_TOKEN_BYTES || !/^[\x21-\x7e]+$/.test(token)) {
    throw new InvalidArgumentError(
      'The token of the hub holds characters that no token has; copy it again from your settings page of the hub',
    );
  }
  return token;
}
