/** Messages of a conversation: what they are, and their pictures apart from their text. */

import { checkArray, checkOneOf, fail, reading } from './check.js';
import type { ImageInput } from './encoded-image.js';

/** `image` is the picture; the chat template needs only its place, so that `applyChatTemplate` takes items without it. */
export type ContentItem = { type: 'text'; text: string } | { type: 'image'; image?: ImageInput | undefined };

export interface ChatMessage {
  /** "system", "user", "assistant", "tool", "ipython" */
  role: string;
  content: string | readonly ContentItem[];
  /** Further keys (tool_calls, name, …) reach the template as they are. */
  [key: string]: unknown;
}

const ROLE = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;
const MAX_MESSAGES = 2048;
/** Items in the content of one message. */
const MAX_ITEMS = 2048;

/** Returns the number of images in the messages. @throws InvalidArgumentError naming the message and what is wrong */
export function checkMessages(messages: readonly ChatMessage[]): number {
  if (!Array.isArray(messages) || messages.length === 0) fail('messages', 'an array of at least one message', messages);
  if (messages.length > MAX_MESSAGES) fail('messages', `at most ${MAX_MESSAGES} messages`, messages);
  let images = 0;
  for (const [i, message] of messages.entries()) {
    if (typeof message !== 'object' || message === null) {
      fail(`messages[${i}]`, 'an object with role and content', message);
    }
    if (typeof message.role !== 'string' || !ROLE.test(message.role)) {
      fail(`messages[${i}].role`, 'a name such as "system", "user" or "assistant"', message.role);
    }
    images += checkContent(`messages[${i}].content`, message.content);
  }
  return images;
}

/** Returns the number of images in the content of one message. */
export function checkContent(name: string, content: ChatMessage['content']): number {
  if (typeof content === 'string') return 0;
  if (!Array.isArray(content) || content.length > MAX_ITEMS) {
    fail(name, `a string or an array of at most ${MAX_ITEMS} items`, content);
  }
  let images = 0;
  for (const [j, item] of content.entries()) {
    if (typeof item !== 'object' || item === null) fail(`${name}[${j}]`, 'an object with a type', item);
    if (checkOneOf(`${name}[${j}].type`, item.type, ['text', 'image']) === 'image') images++;
    else if (typeof (item as { text?: unknown }).text !== 'string') {
      fail(`${name}[${j}].text`, 'a string', (item as { text?: unknown }).text);
    }
  }
  return images;
}

export interface SeparatedMessages {
  /** Copies, as the chat template takes them. */
  messages: ChatMessage[];
  /** The pictures in order; undefined for an item that holds none. */
  images: (ImageInput | undefined)[];
}

/** @throws InvalidArgumentError when a message is malformed */
export function separateImages(messages: readonly ChatMessage[]): SeparatedMessages {
  const copies = checkArray('messages', messages, MAX_MESSAGES);
  return reading('messages cannot be read', () => {
    checkMessages(copies);
    const images: (ImageInput | undefined)[] = [];
    const bare = copies.map((message) => {
      if (typeof message.content === 'string') return { ...message };
      const content = message.content.map((item): ContentItem => {
        if (item.type === 'text') return { ...item };
        images.push(item.image);
        return { type: 'image' };
      });
      return { ...message, content };
    });
    return { messages: bare, images };
  });
}
