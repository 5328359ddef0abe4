import type { Problem } from '../../spec/problems.ts';
import type { AccessDocument, SubmittedPassword } from '../document.ts';
import { distinct } from './entries.ts';
import { readDatabases } from './read-databases.ts';
import { readMemberships, readRoles, readSettings } from './read-roles.ts';
import { duplicatesRule } from './rules/duplicates.ts';
import { completeMembershipsRule, membershipsRule } from './rules/memberships.ts';
import { privilegesRule } from './rules/privileges.ts';
import type { Rule } from './rules/rule.ts';
import { completeSettingsRule, settingsRule } from './rules/settings.ts';
import { sizeRule } from './rules/size.ts';
import type { SubmittedDocument } from './schema.ts';
import { checkShape, type Sound } from './shape.ts';

export { withoutSecrets } from './secrets.ts';

/** Outcome of {@link parseDocument}. */
export type ParsedAccessDocument =
  | { ok: true; document: AccessDocument; passwords: Map<string, SubmittedPassword> }
  | { ok: false; problems: Problem[] };

const RULES: readonly Rule[] = [duplicatesRule, membershipsRule, settingsRule];
/** Rules that ask what a list lacks: said of whole lists only. */
const RULES_OF_WHOLE: readonly Rule[] = [completeMembershipsRule, completeSettingsRule];

/**
 * Judges a submitted document by itself, and gives its parsed form. Every problem is listed with its path; what is wrong in one
 * place does not hide what is wrong in another. No problem quotes a password or verifier. Never throws.
 * @param options.passwordRoles roles whose password is kept elsewhere: the stored form of a document has none
 */
export function parseDocument(
  submitted: unknown,
  options: { passwordRoles?: ReadonlySet<string> } = {},
): ParsedAccessDocument {
  const { problems, sound } = checkShape(submitted);
  const isWhole = problems.length === 0;
  const passwords = new Map<string, SubmittedPassword>();
  const document = read(sound, { problems, passwords }, options);
  const oversize = [...sizeRule(document)];
  const rules = [
    ...RULES,
    ...(isWhole ? RULES_OF_WHOLE : []),
    // It walks through what the size is measured by.
    ...(oversize.length === 0 ? [privilegesRule] : []),
  ];
  const all = [...problems, ...oversize, ...rules.flatMap((rule) => [...rule(document)])];
  return all.length > 0 ? { ok: false, problems: all } : { ok: true, document, passwords };
}

/**
 * The parsed form of a document that {@link parseDocument} has judged, or that the control plane has composed: its shape, and what
 * its parts say of each other, are not judged again. What is wrong with single entries is told all the same, for an older release
 * may have judged them.
 */
export function readAccepted(
  accepted: unknown,
  options: { passwordRoles?: ReadonlySet<string> } = {},
): ParsedAccessDocument {
  const problems: Problem[] = [];
  const passwords = new Map<string, SubmittedPassword>();
  const document = read(accepted as SubmittedDocument, { problems, passwords }, options);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, document, passwords };
}

function read(
  sound: Sound<SubmittedDocument>,
  found: { problems: Problem[]; passwords: Map<string, SubmittedPassword> },
  { passwordRoles = new Set() }: { passwordRoles?: ReadonlySet<string> },
): AccessDocument {
  const { problems } = found;
  return {
    allow: new Set(distinct(sound.allow)),
    roles: readRoles(sound, passwordRoles, found),
    memberships: readMemberships(sound, problems),
    settings: readSettings(sound),
    databases: readDatabases(sound, problems),
  };
}
