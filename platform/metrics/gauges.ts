import { Gauge } from 'prom-client';
import type { Metrics } from './metrics.ts';

/** A gauge whose values somebody else knows. */
export interface GaugeDefinition {
  name: string;
  help: string;
  labels: readonly string[];
}

/** A value that was read for a gauge. */
export interface GaugeValue {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}

/**
 * Exports gauges that are read together at each scrape: what is not there any more disappears. Those whose values could not be
 * read are not shown at all, rather than as they were some time ago.
 * @param read answers with nothing where it failed, having said so in the log
 */
export function addGauges(
  metrics: Metrics,
  definitions: readonly GaugeDefinition[],
  read: () => readonly GaugeValue[] | undefined | Promise<readonly GaugeValue[] | undefined>,
): void {
  const registers = [metrics.registry];
  const gauges = new Map(
    definitions.map(({ name, help, labels }) => [name, new Gauge({ name, help, labelNames: [...labels], registers })]),
  );
  metrics.onScrape(async () => {
    const values = await read();
    // One piece, after the wait: two scrapes at a time never see half of it.
    for (const { name, labels } of definitions) {
      gauges.get(name)?.reset();
      // Without labels a reset means 0, which nobody has read.
      if (labels.length === 0) gauges.get(name)?.remove();
    }
    for (const { name, labels, value } of values ?? []) gauges.get(name)?.set({ ...labels }, value);
  });
}
