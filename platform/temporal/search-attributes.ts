import type { Connection } from '@temporalio/client';
import { defineSearchAttributeKey, type SearchAttributePair, SearchAttributeType } from '@temporalio/common';
// CommonJS whose exports Node does not see by name.
import proto from '@temporalio/proto';
import type { SearchAttributeKind } from '../../domain/search-attributes.ts';

const { IndexedValueType } = proto.temporal.api.enums.v1;

const KEYS = {
  database: defineSearchAttributeKey('PgDatabase', SearchAttributeType.KEYWORD),
  server: defineSearchAttributeKey('PgServer', SearchAttributeType.KEYWORD),
  hosts: defineSearchAttributeKey('PgHost', SearchAttributeType.KEYWORD_LIST),
  operation: defineSearchAttributeKey('PgOperation', SearchAttributeType.KEYWORD),
};

/** What a run is found by in the Temporal UI; ids only. */
export interface RunLabels {
  operation: string;
  database?: string;
  server?: string;
  hosts?: string[];
}

/** Search attributes in the SDK's typed form. */
export function searchAttributesOf(labels: RunLabels): SearchAttributePair[] {
  return [
    { key: KEYS.operation, value: labels.operation },
    ...(labels.database === undefined ? [] : [{ key: KEYS.database, value: labels.database }]),
    ...(labels.server === undefined ? [] : [{ key: KEYS.server, value: labels.server }]),
    ...(labels.hosts === undefined || labels.hosts.length === 0 ? [] : [{ key: KEYS.hosts, value: labels.hosts }]),
  ];
}

const INDEXED_TYPES: Record<SearchAttributeKind, number> = {
  Keyword: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  KeywordList: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
};

/**
 * Registers the search attributes that the namespace lacks. Harmless when none is missing.
 * @returns whether all were there already; new ones take a moment until they can be used
 */
export async function ensureSearchAttributes(
  connection: Connection,
  input: { namespace: string; searchAttributes: Readonly<Record<string, SearchAttributeKind>> },
): Promise<boolean> {
  const { namespace } = input;
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = Object.entries(input.searchAttributes).filter(([name]) => !Object.hasOwn(customAttributes, name));
  if (missing.length === 0) return true;
  const searchAttributes = Object.fromEntries(missing.map(([name, kind]) => [name, INDEXED_TYPES[kind]]));
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  return false;
}
