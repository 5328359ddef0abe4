/** The members of a JSON schema that are shown. */
interface Shown {
  $ref?: string;
  type?: string | readonly string[];
  enum?: readonly unknown[];
  const?: unknown;
  format?: string;
  pattern?: string;
  description?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  default?: unknown;
  items?: Shown;
  properties?: Readonly<Record<string, Shown>>;
  required?: readonly string[];
  additionalProperties?: boolean | Shown;
  anyOf?: readonly Shown[];
  oneOf?: readonly Shown[];
  allOf?: readonly Shown[];
}

/** A schema as a short text in the manner of TypeScript. References stay as they are. */
export function schemaText(schema: object): string {
  return text(schema as Shown, '');
}

function text(schema: Shown, indent: string): string {
  if (schema.$ref !== undefined) return schema.$ref;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  for (const [members, sign] of [
    [schema.anyOf ?? schema.oneOf, ' | '],
    [schema.allOf, ' & '],
  ] as const) {
    if (members !== undefined) return members.map((member) => text(member, indent)).join(sign);
  }
  if (schema.properties !== undefined) return objectText(schema, indent);
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? ['anything']);
  return types.map((type) => plainText(type, schema, indent)).join(' | ');
}

function plainText(type: string, schema: Shown, indent: string): string {
  if (type === 'array') return `[${text(schema.items ?? {}, indent)}]`;
  const { additionalProperties: values } = schema;
  if (type === 'object' && typeof values === 'object') return `{ [name]: ${text(values, indent)} }`;
  return `${type}${bounds(schema)}`;
}

function objectText({ properties = {}, required = [] }: Shown, indent: string): string {
  const inner = `${indent}  `;
  const lines = Object.entries(properties).map(([name, member]) => {
    const note = member.description === undefined ? '' : `  // ${member.description}`;
    return `${inner}${name}${required.includes(name) ? '' : '?'}: ${text(member, inner)}${note}`;
  });
  return `{\n${lines.join('\n')}\n${indent}}`;
}

const BOUNDS = ['format', 'minLength', 'maxLength', 'minimum', 'maximum', 'pattern', 'default'] as const;

function bounds(schema: Shown): string {
  const given = BOUNDS.filter(
    (name) => schema[name] !== undefined && Math.abs(Number(schema[name])) !== Number.MAX_SAFE_INTEGER,
  );
  return given.length === 0 ? '' : ` (${given.map((name) => `${name} ${String(schema[name])}`).join(', ')})`;
}
