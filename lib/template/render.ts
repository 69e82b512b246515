/** Renders one checked template with variables: the environment of transformers' chat templates, on a budget. */

import { BllossomError, InvalidArgumentError, ModelFormatError } from '../errors.js';
import { type CheckedTemplate, reasonOf } from './check.js';
import { BudgetedInterpreter, MAX_RANGE, type TemplateBudget, TemplateBudgetError } from './interpreter.js';
import { Environment, type Scope } from './jinja.js';
import { strftime } from './strftime.js';

export interface RenderOptions {
  variables: Record<string, unknown>;
  /** What `strftime_now` takes for now. */
  now: Date;
  /** Characters of the input, and messages in it: the budget grows with them. */
  inputCharacters: number;
  messages: number;
}

/** What a template with that input may cost. An ordinary one needs less than a hundredth. */
export function budgetFor(inputCharacters: number, messages: number): TemplateBudget {
  return {
    steps: 25_000 + 500 * messages,
    depth: 200,
    size: 256 * 1024 + 4 * inputCharacters,
    volume: 4 * 1024 * 1024 + 48 * inputCharacters + 64 * messages * messages,
  };
}

/**
 * @throws InvalidArgumentError when the template refuses the conversation (`raise_exception`)
 * @throws ModelFormatError when it fails or needs more than its budget
 */
export function renderTemplate(template: CheckedTemplate, options: RenderOptions): string {
  const budget = budgetFor(options.inputCharacters, options.messages);
  try {
    const environment = environmentOf(options);
    const result = new BudgetedInterpreter(environment, template, budget).run(template.program);
    return String(result.value);
  } catch (error) {
    if (error instanceof BllossomError) throw error;
    const what = error instanceof TemplateBudgetError ? 'was stopped' : 'failed';
    throw new ModelFormatError(
      `The model's chat template ${what}: ${reasonOf(error)}. Give another one with the option chatTemplate`,
      { cause: error },
    );
  }
}

function environmentOf({ variables, now }: RenderOptions): Scope {
  const environment = new Environment();
  const globals: Record<string, unknown> = {
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
    range,
    strftime_now: (format: unknown) => strftime(now, String(format)),
    raise_exception: (message: unknown) => {
      throw new InvalidArgumentError(
        `The model's chat template refuses this conversation: ${reasonOf(String(message))}`,
      );
    },
  };
  for (const [name, value] of Object.entries({ ...globals, ...variables })) {
    if (value !== undefined) environment.set(name, value);
  }
  return environment;
}

/** Python's range, of bounded length. */
function range(first: unknown, second?: unknown, step: unknown = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  if (![start, stop, step].every(Number.isSafeInteger) || step === 0)
    throw new Error('range() needs integers and a step');
  const length = Math.max(0, Math.ceil((Number(stop) - Number(start)) / Number(step)));
  if (length > MAX_RANGE)
    throw new TemplateBudgetError(`range() of ${length} elements, more than the ${MAX_RANGE} allowed`);
  return Array.from({ length }, (_, i) => Number(start) + i * Number(step));
}
