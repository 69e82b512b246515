/**
 * From messages to a prompt: renders the model's own Jinja template and splits the result into control tokens and
 * text. Both the template (a stranger's) and the messages (a user's) are treated as hostile.
 */

import { type ChatMessage, checkMessages } from './chat-message.js';
import { checkBoolean, checkInstance, checkOptions, checkString, fail, reading, show } from './check.js';
import { InvalidArgumentError, ModelFormatError } from './errors.js';
import type { NativePromptPart } from './native/binding.js';
import { type CheckedTemplate, checkTemplate } from './template/check.js';
import { ControlTokens, chooseMarkers, type Markers } from './template/markers.js';
import { renderTemplate } from './template/render.js';

export interface ChatTemplateOptions {
  /** Begin the assistant's turn at the end. Default: true */
  addGenerationPrompt?: boolean | undefined;
  /** Fixes the date that Llama 3 templates print, e.g. "26 Jul 2024"; without it the current date is printed. */
  dateString?: string | undefined;
  /** What the template takes for the current time. Default: now */
  now?: Date | undefined;
  tools?: readonly unknown[] | undefined;
}

/** What the template needs to know about a model; a `NativeModelInfo` fits. */
export interface TemplateModel {
  chatTemplate: string | null;
  specialTokens: readonly string[];
  bosToken: string;
  eosToken: string;
  imageToken: string;
}

/** Plain Llama 3 turns, for files without a template. */
export const DEFAULT_TEMPLATE = `{{- bos_token }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
    {%- if message['content'] is string %}
        {{- message['content'] }}
    {%- else %}
        {%- for item in message['content'] %}
            {{- image_token if item['type'] == 'image' else item['text'] }}
        {%- endfor %}
    {%- endif %}
    {{- '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}`;

const MAX_CHARACTERS = 8 * 1024 * 1024;
const MAX_DEPTH = 32;
/** Values in all messages and tools. */
const MAX_VALUES = 262_144;

export class ChatTemplate {
  readonly source: string;
  readonly #model: TemplateModel;
  readonly #checked: CheckedTemplate;
  readonly #tokens: ControlTokens;

  /** @throws ModelFormatError when the template is not valid or over the limits */
  constructor(model: TemplateModel) {
    this.source = model.chatTemplate ?? DEFAULT_TEMPLATE;
    this.#model = model;
    this.#checked = checkTemplate(this.source);
    this.#tokens = new ControlTokens([...model.specialTokens, model.imageToken]);
  }

  /**
   * The prompt of a conversation. Adjacent text is one part, so that its tokens are those of the joined string; the
   * image tokens stand in the order of the image items.
   *
   * @throws InvalidArgumentError when a message is malformed, or the template refuses the conversation
   * @throws ModelFormatError when the template fails, needs too much, or loses an image
   */
  render(messages: readonly ChatMessage[], options?: ChatTemplateOptions): NativePromptPart[] {
    const { addGenerationPrompt, dateString, now, tools } = checkTemplateOptions(options);
    const images = reading('messages cannot be read', () => checkMessages(messages));
    const texts: string[] = [];
    const given = { messages, tools: tools ?? null, date_string: dateString };
    const input = reading('messages or tools cannot be read', () => copyValue(given, texts)) as typeof given;
    const inputCharacters = texts.reduce((sum, text) => sum + text.length, 0);
    if (inputCharacters > MAX_CHARACTERS) {
      throw new InvalidArgumentError(
        `The conversation has ${inputCharacters} characters, more than ${MAX_CHARACTERS}: shorten it`,
      );
    }
    const markers = chooseMarkers([this.source, ...texts]);
    const attempt = (conversation: unknown) => {
      const rendered = renderTemplate(this.#checked, {
        variables: {
          ...(this.#guardAll({ ...input, messages: conversation }, markers) as Record<string, unknown>),
          add_generation_prompt: addGenerationPrompt ?? true,
          bos_token: this.#model.bosToken,
          eos_token: this.#model.eosToken,
          image_token: this.#model.imageToken,
        },
        now: now ?? new Date(),
        inputCharacters,
        messages: messages.length,
      });
      return this.#tokens.split(rendered, markers, this.#model.imageToken);
    };
    if (!input.messages.some((message) => typeof message.content !== 'string')) return attempt(input.messages);
    return this.#withImages(input.messages, images, markers, attempt);
  }

  /** List content first; a template that knows only strings gets strings with the images in front. */
  #withImages(
    messages: readonly ChatMessage[],
    images: number,
    markers: Markers,
    attempt: (conversation: unknown) => NativePromptPart[],
  ): NativePromptPart[] {
    const count = (parts: NativePromptPart[]) =>
      parts.filter((part) => 'special' in part && part.special === this.#model.imageToken).length;
    let failure: unknown;
    try {
      const parts = attempt(messages);
      if (count(parts) === images && images > 0) return parts;
    } catch (error) {
      if (error instanceof InvalidArgumentError) throw error;
      failure = error;
    }
    const flat = messages.map((message) => ({ ...message, content: flatten(message.content, markers) }));
    const parts = attempt(flat);
    if (count(parts) === images) return parts;
    throw new ModelFormatError(
      `The model's chat template placed ${count(parts)} image tokens for ${images} images: it cannot be used with images`,
      { cause: failure },
    );
  }

  #guardAll(value: unknown, markers: Markers): unknown {
    if (typeof value === 'string') return this.#tokens.guard(value, markers);
    if (Array.isArray(value)) return value.map((item) => this.#guardAll(item, markers));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [this.#tokens.guard(key, markers), this.#guardAll(item, markers)]),
    );
  }
}

function flatten(content: ChatMessage['content'], markers: Markers): string {
  if (typeof content === 'string') return content;
  const images = content.filter((item) => item.type === 'image').length;
  return markers.image.repeat(images) + content.map((item) => (item.type === 'text' ? item.text : '')).join('');
}

function checkTemplateOptions(options: ChatTemplateOptions | undefined): ChatTemplateOptions {
  const given = checkOptions('options', options, ['addGenerationPrompt', 'dateString', 'now', 'tools']);
  const { addGenerationPrompt, dateString, now, tools } = given;
  if (addGenerationPrompt !== undefined) checkBoolean('addGenerationPrompt', addGenerationPrompt);
  if (dateString !== undefined) checkString('dateString', dateString);
  if (now !== undefined && Number.isNaN(checkInstance('now', now, Date, 'a Date').getTime())) {
    fail('now', 'a valid Date', now);
  }
  return { addGenerationPrompt, dateString, now, tools };
}

/**
 * A copy of plain data. Every string in it, keys included, is put in `texts`.
 *
 * @throws InvalidArgumentError on what a template cannot be given, and above the limits
 */
function copyValue(value: unknown, texts: string[], depth = 0, count = { values: 0 }): unknown {
  if (depth > MAX_DEPTH) throw new InvalidArgumentError(`A message or tool is nested deeper than ${MAX_DEPTH} levels`);
  count.values += Array.isArray(value) ? value.length : 1;
  if (count.values > MAX_VALUES)
    throw new InvalidArgumentError(`The messages and tools hold over ${MAX_VALUES} values`);
  if (typeof value === 'string') {
    texts.push(value);
    return value;
  }
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') {
    throw new InvalidArgumentError(`A message or tool holds ${show(value)}, which a chat template cannot be given`);
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Array.from(value, (item) => copyValue(item, texts, depth + 1, count));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      texts.push(key);
      return [key, copyValue(item, texts, depth + 1, count)];
    }),
  );
}
