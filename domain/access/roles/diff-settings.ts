import { quoteIdentifier } from '../../sql/quote.ts';
import type { DesiredSetting } from '../document.ts';
import { groupBy } from '../groups.ts';
import type { ObservedServer, ObservedSetting } from '../observed.ts';
import type { Refusal } from '../plan.ts';
import { type AccessContext, type AccessDiff, addChange, emptyDiff, serverVersion } from './context.ts';
import { joinGucList, sameGucList, splitGucList } from './guc-list.ts';
import { type Parameter, parameterOf, parameterProblem } from './parameters.ts';
import { resetSettingSql, setSettingSql } from './role-sql.ts';
import { createProtection, missingRoleMessage } from './rules.ts';
import { settingKey } from './simulate-roles.ts';

type SettingChange = Extract<AccessDiff['changes'][number], { type: 'set_setting' | 'reset_setting' }>;

/**
 * Settings of roles, in all databases or in one, to set and to reset. Lists such as search_path are compared element by
 * element, other values as text.
 * @param context.observed with the roles as {@link diffRoles} makes them
 */
export function diffSettings(context: AccessContext): AccessDiff {
  const { document, observed } = context;
  const diff = emptyDiff();
  const complete = new Map(document.roles.flatMap(({ name, at, settings }) => (settings ? [[name, at]] : [])));
  const listed = document.roles.flatMap(({ settings = [] }) => settings);
  const listedKeys = new Set(listed.map(settingKey));
  const wanted = new Map<string, DesiredSetting>();
  const named = new Set(document.roles.map(({ name }) => name));
  for (const setting of [...listed, ...document.settings]) {
    const key = settingKey(setting);
    const earlier = wanted.get(key);
    const completeAt = complete.get(setting.role);
    const contradicts = earlier !== undefined && earlier.value !== setting.value;
    const isBeside = completeAt !== undefined && setting.value !== null && !listedKeys.has(key);
    const problem =
      missing(setting, observed, named) ??
      (contradicts ? `contradicts ${earlier.at}: the same setting with another value` : undefined) ??
      (isBeside ? `contradicts ${completeAt}.settings, which is complete and does not list this setting` : undefined) ??
      (setting.value === null ? undefined : valueProblem(setting, observed));
    if (problem !== undefined) diff.problems.push({ path: setting.at, message: problem });
    else if (earlier === undefined) wanted.set(key, setting);
  }
  compare(context, wanted, complete, diff);
  return diff;
}

function missing(
  { role, database, value }: DesiredSetting,
  observed: ObservedServer,
  named: ReadonlySet<string>,
): string | undefined {
  // A setting of a role or database that is not there is reset.
  if (value === null) return undefined;
  if (!observed.roles.has(role) && !named.has(role)) return missingRoleMessage(role);
  if (database === null || observed.databases.has(database)) return undefined;
  return `database "${database}" does not exist on the server`;
}

function valueProblem({ name, value }: DesiredSetting, observed: ObservedServer): string | undefined {
  const parameter = parameterOf(observed, name);
  const problem = parameterProblem(name, parameter, serverVersion(observed.versionNum));
  if (problem !== undefined) return problem;
  if (!parameter?.isQuotedList || splitGucList(value ?? '') !== undefined) return undefined;
  return `"${name}" is a list: elements are separated by commas, in double quotes where they are not plain names`;
}

function compare(
  context: AccessContext,
  wanted: ReadonlyMap<string, DesiredSetting>,
  complete: ReadonlyMap<string, string>,
  diff: AccessDiff,
): void {
  const { observed } = context;
  const before = new Map(observed.settings.map((setting) => [settingKey(setting), setting]));
  const perRole = groupBy(
    [...wantedChanges(wanted, before, observed), ...unlistedChanges(wanted, before, complete)],
    ({ change }) => change.role,
  );
  const protection = createProtection(context);
  for (const [role, changes] of perRole) {
    const reason = protection(role) ?? superuserRule(context, role);
    for (const { change, path } of changes) {
      const refusal = reason === undefined ? parameterRefusal(observed, change, path) : { path, message: reason };
      if (refusal === undefined) addChange(diff, change, path);
      else diff.refusals.push(refusal);
    }
    const takesEffect = observed.roles.get(role)?.attributes.login ?? true;
    if (!takesEffect && changes.some(({ change }) => change.type === 'set_setting')) {
      diff.notes.push(
        `settings of role "${role}" count for its own logins only, and it cannot log in: members do not inherit them`,
      );
    }
  }
}

interface Asked {
  change: SettingChange;
  path: string;
}

function wantedChanges(
  wanted: ReadonlyMap<string, DesiredSetting>,
  before: ReadonlyMap<string, ObservedSetting>,
  observed: ObservedServer,
): Asked[] {
  const asked: Asked[] = [];
  for (const [key, { role, database, name, value, at }] of wanted) {
    const existing = before.get(key);
    const setting = { role, database, name: existing?.name ?? name };
    const parameter = parameterOf(observed, name);
    if (value === null) {
      if (existing !== undefined) asked.push({ change: { type: 'reset_setting', ...setting }, path: at });
    } else if (existing === undefined || !sameValue(existing.value, value, parameter)) {
      const stored = parameter?.isQuotedList ? joinGucList(splitGucList(value) ?? [value]) : value;
      asked.push({ change: { type: 'set_setting', ...setting, value: stored }, path: at });
    }
  }
  return asked;
}

/** Resets what roles with a complete list have beside it. */
function unlistedChanges(
  wanted: ReadonlyMap<string, DesiredSetting>,
  before: ReadonlyMap<string, ObservedSetting>,
  complete: ReadonlyMap<string, string>,
): Asked[] {
  const asked: Asked[] = [];
  for (const [key, { role, database, name }] of before) {
    const at = complete.get(role);
    if (at === undefined || wanted.has(key)) continue;
    asked.push({ change: { type: 'reset_setting', role, database, name }, path: `${at}.settings` });
  }
  return asked;
}

function sameValue(stored: string, wanted: string, parameter: Parameter | undefined): boolean {
  return parameter?.isQuotedList ? sameGucList(stored, wanted) : stored === wanted;
}

/** What a superuser's sessions load or run is decided by its settings. */
function superuserRule({ document, observed }: AccessContext, role: string): string | undefined {
  if (!observed.roles.get(role)?.attributes.superuser || document.allow.has('superuser')) return undefined;
  return `"allow" must list "superuser" to change settings of superuser "${role}"`;
}

/** Parameters of superusers, and those that no loaded module defines, need SET on them (validate_option_array_item, guc.c). */
function parameterRefusal(observed: ObservedServer, change: SettingChange, path: string): Refusal | undefined {
  const { admin, versionNum, grantedParameters } = observed;
  const parameter = parameterOf(observed, change.name);
  if (admin.superuser || parameter?.context === 'user') return undefined;
  if (grantedParameters.has(change.name.toLowerCase())) return undefined;
  const name = change.name.split('.').map(quoteIdentifier).join('.');
  const statement = change.type === 'set_setting' ? setSettingSql(change, observed) : resetSettingSql(change);
  return {
    path,
    message: `"${admin.name}" may not set parameter "${change.name}", which is for superusers`,
    remedy: versionNum >= 150_000 ? `GRANT SET ON PARAMETER ${name} TO ${quoteIdentifier(admin.name)}` : statement,
  };
}
