/** The description as one page: no script, no asset, nothing from elsewhere. The browser's own search finds everything in it. */
import { html, raw } from 'hono/html';
import { schemaText } from './schema-text.ts';

/** What the page reads of a document; made by this program, so nothing in it is judged again. */
interface Described {
  info: { title: string; version: string; description?: string | undefined };
  tags?: readonly { name: string; description?: string | undefined }[] | undefined;
  paths?: object | undefined;
  components?: { schemas?: object | undefined } | undefined;
}

interface Operation {
  method: string;
  path: string;
  operationId: string;
  tags: readonly string[];
  summary?: string;
  description?: string;
  parameters?: readonly { name: string; in: string; required?: boolean; description?: string; schema?: object }[];
  requestBody?: { content: Content };
  responses: Readonly<Record<string, { description: string; content?: Content }>>;
}

type Content = Readonly<Record<string, { schema?: object }>>;
type Html = ReturnType<typeof html>;

/** Its hash stands in the policy of the page. */
export const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 64rem; padding: 1rem; }
nav a { margin-right: 1rem; white-space: nowrap; }
details { border: 1px solid #8886; border-radius: 4px; margin: .4rem 0; padding: .3rem .6rem; }
summary { cursor: pointer; overflow-wrap: anywhere; }
summary b { display: inline-block; min-width: 4.5rem; font-family: ui-monospace, monospace; }
code, pre { font: .875rem/1.45 ui-monospace, monospace; }
pre { background: #8881; border-radius: 4px; overflow-x: auto; padding: .5rem; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid #8884; padding: .2rem .6rem .2rem 0; text-align: left; vertical-align: top; }
`;

/** HTML of a document. */
export function renderPage(document: Described): Html {
  const operations = operationsOf(document);
  const schemas = Object.entries(document.components?.schemas ?? {}) as [string, object][];
  const { title, version, description = '' } = document.info;
  const tags = document.tags ?? [];
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title} API</title>
<style>${raw(STYLE)}</style></head>
<body>
<h1>${title} <small>${version}</small></h1>
${description.split('\n\n').map((text) => html`<p>${text.replaceAll('`', '')}</p>`)}
<p>For programs: <a href="/v1/openapi.json">/v1/openapi.json</a></p>
<nav>${tags.map(({ name }) => html`<a href="#${anchor(name)}">${name}</a> `)}<a href="#schemas">Schemas</a></nav>
${tags.map(
  (tag) => html`<section id="${anchor(tag.name)}"><h2>${tag.name}</h2><p>${tag.description ?? ''}</p>
${operations.filter((operation) => operation.tags.includes(tag.name)).map(operationHtml)}</section>`,
)}
<section id="schemas"><h2>Schemas</h2>
${schemas.map(([name, schema]) => html`<h3 id="schema-${name}">${name}</h3>${schemaHtml(schema)}`)}</section>
</body></html>`;
}

function operationsOf({ paths }: Described): Operation[] {
  return Object.entries(paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Record<string, Omit<Operation, 'method' | 'path'>>).map(([method, operation]) => ({
      ...operation,
      method: method.toUpperCase(),
      path,
    })),
  );
}

function operationHtml(operation: Operation): Html {
  const { method, path, operationId, summary = '', description = '', parameters = [], requestBody } = operation;
  return html`<details id="${operationId}"><summary><b>${method}</b> <code>${path}</code> ${summary}</summary>
${description.split('\n\n').map((text) => html`<p>${text}</p>`)}
${parameters.length === 0 ? '' : html`<table><tr><th>Parameter</th><th>In</th><th>Type</th><th></th></tr>${parameters.map(parameterHtml)}</table>`}
${requestBody === undefined ? '' : contentHtml('Body', requestBody.content)}
${Object.entries(operation.responses).map(
  ([status, { description: what, content = {} }]) => html`<p><b>${status}</b> ${what}</p>${contentHtml('', content)}`,
)}</details>`;
}

function parameterHtml(parameter: NonNullable<Operation['parameters']>[number]): Html {
  const { name, in: place, required = false, description = '', schema = {} } = parameter;
  return html`<tr><td><code>${name}</code>${required ? '' : ' (optional)'}</td><td>${place}</td><td>${schemaHtml(schema, 'code')}</td><td>${description}</td></tr>`;
}

function contentHtml(title: string, content: Content): Html {
  return html`${Object.entries(content).map(
    ([type, { schema = {} }]) => html`<p>${title} <code>${type}</code></p>${schemaHtml(schema)}`,
  )}`;
}

/** The text of a schema; what it refers to is linked. */
function schemaHtml(schema: object, element: 'pre' | 'code' = 'pre'): Html {
  const parts = schemaText(schema).split(/(#\/components\/schemas\/[\w-]+)/);
  const linked = parts.map((part, index) => {
    if (index % 2 === 0) return html`${part}`;
    const name = part.slice(part.lastIndexOf('/') + 1);
    return html`<a href="#schema-${name}">${name}</a>`;
  });
  return element === 'pre' ? html`<pre>${linked}</pre>` : html`<code>${linked}</code>`;
}

function anchor(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-');
}
