/** A scrape, read. */
export interface Scrape {
  text: string;
  /** Names as Prometheus knows them, those of parts of histograms included, with what labels their samples have. */
  series: ReadonlyMap<string, ReadonlySet<string>>;
  /** Sum of the samples of a name that have these labels; undefined where there is none. */
  value(name: string, labels?: Record<string, string>): number | undefined;
}

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** Reads the text format of Prometheus: every line is a comment or a sample. @throws on any other */
export function readScrape(text: string): Scrape {
  const lines = text.split('\n').filter((line) => line !== '');
  const samples = lines.filter((line) => !line.startsWith('#')).map(readSample);
  const types = lines.flatMap((line) => {
    const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, type }];
  });
  const series = new Map<string, Set<string>>();
  for (const { name, type } of types) {
    for (const suffix of type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']) {
      series.set(`${name}${suffix}`, new Set());
    }
  }
  for (const { name, labels } of samples) {
    const known = series.get(name) ?? new Set();
    series.set(name, known);
    for (const label of Object.keys(labels)) known.add(label);
  }
  return {
    text,
    series,
    value(name, labels = {}) {
      const found = samples.filter(
        (sample) =>
          sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
      );
      return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
    },
  };
}

function readSample(line: string): Sample {
  const [, name, labels = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`not a line of the text format: ${line}`);
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', text = '']) => [label, text]);
  return { name, labels: Object.fromEntries(pairs), value: Number(value) };
}
