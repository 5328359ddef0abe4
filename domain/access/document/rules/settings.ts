import type { AccessDocument, DesiredSetting } from '../../document.ts';
import { settingKey } from '../../roles/simulate-roles.ts';
import type { Rule } from './rule.ts';

/** Every setting that a document asks for, or asks to reset. */
export function allSettings({ roles, settings }: AccessDocument): DesiredSetting[] {
  return [...roles.flatMap((role) => role.settings ?? []), ...settings];
}

/** A setting has one value. */
export const settingsRule: Rule = function* (document) {
  const seen = new Map<string, DesiredSetting>();
  for (const setting of allSettings(document)) {
    const first = seen.get(settingKey(setting));
    if (first === undefined) seen.set(settingKey(setting), setting);
    else if (first.value !== setting.value) {
      yield { path: setting.at, message: `contradicts ${first.at}: the same setting with another value` };
    }
  }
};

/** A complete list has every setting that the document asks for elsewhere. */
export const completeSettingsRule: Rule = function* ({ roles, settings }) {
  const complete = new Map(roles.flatMap((role) => (role.settings ? [[role.name, role]] : [])));
  const listed = new Set(roles.flatMap((role) => (role.settings ?? []).map(settingKey)));
  for (const setting of settings) {
    const role = complete.get(setting.role);
    if (role === undefined || setting.value === null || listed.has(settingKey(setting))) continue;
    yield { path: setting.at, message: `contradicts ${role.at}.settings, which is complete and lacks this setting` };
  }
};
