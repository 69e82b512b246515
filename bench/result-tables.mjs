// The results of bench/results as Markdown.

const number = (value) => (value === null ? '' : String(Number(value.toPrecision(4))));
const percent = (value) => `${Math.round(100 * value)} %`;
const row = (cells) => `| ${cells.join(' | ')} |`;
const table = (head, rows) => [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');

/** Values of peers with what the ratio says: how many times as fast as the peer; and how far its rounds are apart. */
function peersOf({ ratios, peers }) {
  return Object.entries(ratios)
    .map(([peer, ratio]) => {
      const apart = peers[peer]?.ratioSpread;
      return `${number(ratio)} × ${peer}${apart === undefined ? '' : ` (spread ${percent(apart)})`}`;
    })
    .join(', ');
}

function heading({ machine, run }) {
  const processor = machine.gpu ?? `${machine.cpu.replaceAll(/\((R|TM)\)/g, '')}, ${machine.cores} cores`;
  return `### ${processor}, ${run.date}`;
}

function caption({ machine, versions, run }) {
  const parts = [
    `Model: \`${run.model}\``,
    `device: ${run.device}`,
    ...(run.threads === undefined ? [] : [`threads: ${run.threads}`, `rounds: ${run.rounds}`]),
    `memory: ${Math.round(machine.memoryBytes / 2 ** 30)} GiB`,
    ...Object.entries(versions).flatMap(([name, version]) => (version === null ? [] : [`${name} ${version}`])),
  ];
  const proof = 'A quick run with a tiny model: it shows that every stage runs, and says nothing about speed.\n\n';
  return `${run.quick ? proof : ''}${parts.join('; ')}.`;
}

/** @param {import('./result-tables.mjs').Report} report */
export function reportSection(report) {
  const results = report.results.map((result) => [
    result.name,
    `${number(result.value)} ${result.unit}`,
    result.spread === 0 ? '' : percent(result.spread),
    peersOf(result),
  ]);
  const { targets = [], missing = [] } = report;
  const judged = targets.map(({ name, limit, value, status }) => [name, limit, number(value), status]);
  const leftOut = missing.map(({ name, reason }) => [name, reason.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|')]);
  return [
    heading(report),
    caption(report),
    table(['measured', 'median', 'spread', 'ratio'], results),
    ...(targets.length > 0 ? [table(['target', 'limit', 'figure', 'status'], judged)] : []),
    ...(missing.length > 0 ? [table(['not measured', 'because'], leftOut)] : []),
  ].join('\n\n');
}

const BEGIN = '<!-- results: made by bench/table.mjs -->';
const END = '<!-- end of results -->';

/** The page with its part between the two marks made anew. */
export function withResults(page, reports) {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`the page has no place for results: "${BEGIN}" … "${END}"`);
  const sections = reports.map(reportSection).join('\n\n');
  return `${page.slice(0, from)}${BEGIN}\n\n${sections}\n\n${page.slice(to)}`;
}
