/** Amounts of CPU and memory as people write them. Specifications keep the text; only machines see the numbers. */

const SI = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12, p: 1e15, e: 1e18 } as const;
const IEC = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50, e: 2 ** 60 } as const;

/** Number of CPUs: `2`, `0.5` or `500m` (thousandths). Undefined when `text` is none of these. */
export function parseCpus(text: string): number | undefined {
  const match = /^(\d+)(m|\.\d{1,3})?$/.exec(text);
  if (!match) return undefined;
  const [, whole = '', suffix = ''] = match;
  const cpus = suffix === 'm' ? Number(whole) / 1000 : Number(whole + suffix);
  return Number.isFinite(cpus) ? cpus : undefined;
}

/** Number of bytes: SI (`512M`, `1.5 GB`) or IEC (`1GiB`), in any case. Undefined when `text` is none of these. */
export function parseMemory(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtpe]?)(i?)b?$/i.exec(text.trim());
  if (!match) return undefined;
  const [, amount = '', prefix = '', binary = ''] = match;
  const unit = prefix.toLowerCase();
  if (!isPrefix(unit) || (binary !== '' && unit === '')) return undefined;
  const bytes = Math.floor(Number(amount) * (binary === '' ? SI : IEC)[unit]);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

function isPrefix(text: string): text is keyof typeof SI {
  return Object.hasOwn(SI, text);
}
