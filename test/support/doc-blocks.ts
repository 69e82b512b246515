/** The code blocks of a Markdown page. */

export interface DocBlock {
  /** "ts", "sh", "yaml", … */
  language: string;
  code: string;
  /** Line of the opening fence, from 1. */
  line: number;
}

export function blocksOf(markdown: string): DocBlock[] {
  const blocks: DocBlock[] = [];
  let open: { language: string; line: number; code: string[] } | undefined;
  markdown.split('\n').forEach((text, i) => {
    const fence = /^```(\S*)\s*$/.exec(text);
    if (open === undefined) {
      if (fence) open = { language: fence[1] ?? '', line: i + 1, code: [] };
    } else if (fence) {
      blocks.push({ language: open.language, line: open.line, code: open.code.join('\n') });
      open = undefined;
    } else open.code.push(text);
  });
  if (open !== undefined) throw new Error(`the block of line ${open.line} is not closed`);
  return blocks;
}
