/** What a conversation remembers: turns, each a question with its pictures and the answer to it. */

import { type ContentItem, checkContent } from '../chat-message.js';
import { checkText, fail, isInstance, reading } from '../check.js';
import type { ImageInput } from '../encoded-image.js';

/** A picture of the history: the bytes of its file, so that the file itself may go away. */
export type KeptImage = {
  readonly type: 'image';
  readonly image: Uint8Array;
  /** The path or URL by which it was given. */
  readonly reference?: string;
};

export type KeptItem = { readonly type: 'text'; readonly text: string } | KeptImage;

export type UserMessage = { readonly role: 'user'; readonly content: string | readonly KeptItem[] };

export type AssistantMessage = { readonly role: 'assistant'; readonly content: string };

export type ConversationMessage = UserMessage | AssistantMessage;

export interface Turn {
  readonly user: UserMessage;
  readonly assistant: AssistantMessage;
}

/** What a user says: a text, or texts and images in the order in which the model is to see them. */
export type ConversationInput = string | readonly ContentItem[];

/** A copy. @throws InvalidArgumentError when there is nothing in it, or a part is malformed */
export function checkInput(input: ConversationInput): ConversationInput {
  if (typeof input === 'string') return checkText('input', input);
  return reading('input cannot be read', () => {
    const images = checkContent('input', input);
    for (const [i, item] of input.entries()) {
      if (item.type === 'image' && (item.image === undefined || item.image === null)) {
        fail(`input[${i}].image`, 'an image', item.image);
      }
    }
    const hasText = input.some((item: ContentItem) => item.type === 'text' && item.text.trim() !== '');
    if (images === 0 && !hasText) fail('input', 'a text or an image', input);
    return input.map((item): ContentItem => ({ ...item }));
  });
}

/** The message that is kept; an image is read once. */
export async function userMessage(
  input: ConversationInput,
  readImage: (source: ImageInput) => Promise<Uint8Array>,
): Promise<UserMessage> {
  if (typeof input === 'string') return Object.freeze({ role: 'user', content: input });
  const content = await Promise.all(
    input.map(async (item): Promise<KeptItem> => {
      if (item.type === 'text') return Object.freeze({ type: 'text', text: item.text });
      const source = item.image as ImageInput;
      const reference = referenceOf(source);
      const image = await readImage(source);
      return Object.freeze({ type: 'image', image, ...(reference !== undefined && { reference }) });
    }),
  );
  return Object.freeze({ role: 'user', content: Object.freeze(content) });
}

function referenceOf(source: ImageInput): string | undefined {
  const text = isInstance(source, URL) ? source.href : source;
  return typeof text === 'string' && !/^data:/i.test(text) ? text : undefined;
}

export function assistantMessage(content: string): AssistantMessage {
  return Object.freeze({ role: 'assistant', content });
}

export function messagesOf(turns: readonly Turn[]): ConversationMessage[] {
  return turns.flatMap(({ user, assistant }) => [user, assistant]);
}

export function imagesOf({ content }: ConversationMessage): KeptImage[] {
  return typeof content === 'string' ? [] : content.filter((item) => item.type === 'image');
}

/**
 * How many of the oldest turns to leave out, so that the rest fits: the fewest, or all where nothing fits.
 *
 * @param fits true for every end of a list for which it is true
 */
export function turnsToDrop(turns: readonly Turn[], fits: (kept: readonly Turn[]) => boolean): number {
  if (fits(turns)) return 0;
  let low = Math.min(1, turns.length);
  let high = turns.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fits(turns.slice(middle))) high = middle;
    else low = middle + 1;
  }
  return high;
}
