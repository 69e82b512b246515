/** How images come from http(s) URLs under a configuration. */

import { checkSection, type NetworkSection } from '../config-schema.js';
import type { UrlFetcher } from '../image/source.js';

/**
 * @returns undefined where the configuration does not allow image URLs
 * @throws {InvalidArgumentError} for a value that is not allowed
 */
export function imageFetcher(network: NetworkSection): UrlFetcher | undefined {
  const { allowImageUrls, allowPrivateAddresses, timeout, maxRedirects } = checkSection({ network }, 'network');
  if (!allowImageUrls) return undefined;
  return async (url, maxBytes, signal) => {
    const { fetchBytes } = await import('./fetch-bytes.js'); // Node's http is loaded with the first URL
    return fetchBytes(url, { maxBytes, timeout, maxRedirects, allowPrivateAddresses, signal });
  };
}
