import { describe, expect, test } from 'vitest';
import { hygienePage, hygieneText } from '../../../../domain/access/effective/hygiene-page.ts';
import { hygieneReport, type Observation } from '../../../../domain/access/effective/hygiene-report.ts';
import { stateOf } from './support/states.ts';

const NOW = new Date('2026-05-01T00:00:00Z');
const daysAgo = (days: number) => new Date(NOW.getTime() - days * 86_400_000);
const observedFor = (days: number, seen: Record<string, Date> = {}): Observation => ({
  since: daysAgo(days),
  everySeconds: 60,
  seen: new Map(Object.entries(seen)),
});

const report = (roles: Parameters<typeof stateOf>[0]['roles'], observation: Observation) =>
  hygieneReport(stateOf({ roles }), { now: NOW, observation });
const rolesOf = (found: ReturnType<typeof report>, kind: string) =>
  found.findings.filter((finding) => finding.kind === kind).map(({ role }) => role);

describe('a hygiene report', () => {
  const roles = { app: { login: true }, batch: { login: true }, idle: { login: true }, people: {} };

  test('calls logins dormant that were not seen for a month of looks, and nobody before that', () => {
    const seen = { postgres: NOW, app: daysAgo(2), batch: daysAgo(31) };
    expect(rolesOf(report(roles, observedFor(40, seen)), 'dormant_login')).toEqual(['batch', 'idle']);
    expect(rolesOf(report(roles, observedFor(29)), 'dormant_login')).toEqual([]);
    const never = report(roles, { since: null, everySeconds: 60, seen: new Map() });
    expect(rolesOf(never, 'dormant_login')).toEqual([]);
    expect(never.notes[0]).toContain('nobody has looked');
  });

  test('names passwords that never expire', () => {
    const some = { ...roles, app: { login: true, validUntil: '2027-01-01T00:00:00Z' } };
    expect(rolesOf(report(some, observedFor(1)), 'password_never_expires')).toEqual(['batch', 'idle']);
  });

  test('escapes every name on its page, and hides control characters in its text', () => {
    const evil = '<img src=x onerror="a(\'b\')">&\u001b[2J';
    const found = report({ [evil]: { login: true, bypassrls: true } }, observedFor(1));
    const html = hygienePage(found);
    expect(html).toContain('&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;&amp;');
    expect(html).not.toContain('<img');
    expect(hygieneText(found)).not.toContain('\u001b');
  });
});
