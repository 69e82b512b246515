/** The language of messages, looked for in the order of POSIX. */
export function isKorean(env: NodeJS.ProcessEnv = process.env): boolean {
  return (env.LC_ALL || env.LC_MESSAGES || env.LANG || '').toLowerCase().startsWith('ko');
}
