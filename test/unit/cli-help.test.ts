import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { columnsOf } from '../../lib/cli/columns.js';
import { createProgram } from '../../lib/cli/program.js';
import { CONVERSION_TYPES } from '../../lib/convert/types.js';
import { isolateLocale } from '../support/locale.js';

isolateLocale();

function commandsOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(commandsOf)];
}

function helpOf(command: Command, width: number): string {
  command.configureOutput({ getOutHelpWidth: () => width });
  return command.helpInformation();
}

const words = (text: string) => text.split(/\s+/).join(' ');

describe.each(['en_US.UTF-8', 'ko_KR.UTF-8'])('the help in %s', (locale) => {
  it.each([60, 80, 120])('fits %i columns, with every description whole', (width) => {
    process.env.LANG = locale;
    for (const command of commandsOf(createProgram())) {
      const help = helpOf(command, width);
      expect(help).toBe(Buffer.from(help).toString()); // no half of a character
      for (const line of help.split('\n').slice(1)) expect(columnsOf(line)).toBeLessThanOrEqual(width);
      const said = words(help);
      expect(said).toContain(words(command.description()));
      for (const { description } of command.options.filter(({ hidden }) => !hidden)) {
        expect(description).toMatch(/\S/);
        expect(said).toContain(words(description));
      }
    }
  });
});

describe('the help', () => {
  it('has no English title or sentence of commander in Korean', () => {
    process.env.LANG = 'ko_KR.UTF-8';
    for (const command of commandsOf(createProgram())) {
      expect(helpOf(command, 80)).not.toMatch(/Usage|Options|Commands|Arguments|display help|default:|choices:|env:/);
    }
  });

  it('names defaults, choices and variables', () => {
    const program = createProgram();
    const convert = program.commands.find((command) => command.name() === 'convert') as Command;
    expect(words(helpOf(convert, 80))).toContain(`(choices: ${CONVERSION_TYPES.join(', ')}; default: Q4_K_M)`);
    const text = program.commands.find((command) => command.name() === 'text') as Command;
    expect(words(helpOf(text, 80))).toContain('(environment: BLLOSSOM_MODEL)');
  });
});
