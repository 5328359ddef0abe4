import { describedFamily } from './families.ts';

/**
 * Name of an operation, made of method and path, so that it stays when others come:
 * `GET /v1/databases/{database_id}/tasks` is `getDatabaseTasks`.
 */
export function operationIdOf(method: string, path: string): string {
  const { idPrefix, basePath } = describedFamily(path);
  const rest = path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : path;
  const parts = rest.split('/').filter((part) => part !== '');
  const words = parts.flatMap((part, index) => {
    if (part.startsWith('{')) return [];
    return [parts[index + 1]?.startsWith('{') ? singular(part) : part];
  });
  return camelCase([method, idPrefix, ...(words.length === 0 ? ['root'] : words)]);
}

function singular(word: string): string {
  return word.endsWith('ies') ? `${word.slice(0, -3)}y` : word.replace(/s$/, '');
}

function camelCase(words: readonly string[]): string {
  const [first = '', ...rest] = words.flatMap((word) => word.toLowerCase().split(/[^a-z0-9]+/)).filter((w) => w !== '');
  return [first, ...rest.map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`)].join('');
}
