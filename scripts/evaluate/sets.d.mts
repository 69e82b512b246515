export interface Question {
  file: string;
  prompt?: string | undefined;
  task?: string | undefined;
  answer: string;
  groups: string[];
}
export function readSet(folder: string): Question[];
