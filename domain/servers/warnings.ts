import { passwordChecks } from './password-checks.ts';
import type { ServerFacts } from './probe.ts';

/** How a server was registered, as far as it matters for warnings. */
interface Registered {
  tlsMode: 'disable' | 'require' | 'verify-ca' | 'verify-full';
  allowPlainTextPasswords: boolean;
}

interface Warning {
  applies(facts: ServerFacts, registered: Registered): boolean;
  text(facts: ServerFacts, registered: Registered): string;
}

const TLS_WORDS: Readonly<Record<Registered['tlsMode'], string>> = {
  disable: 'nothing is encrypted: whoever listens reads every statement, verifiers included',
  require: 'the certificate of the server is not checked: whoever stands between can pretend to be it',
  'verify-ca':
    'the name in the certificate is not checked: whoever has a certificate of the same CA can pretend to be it',
  'verify-full': '',
};

/** Below this share of free slots one more process may find none. */
const FEW_SLOTS = 8;

const WARNINGS: readonly Warning[] = [
  {
    applies: ({ admin, versionNum }) => !admin.superuser && admin.createrole && versionNum < 160_000,
    text: ({ admin }) =>
      `before PostgreSQL 16 CREATEROLE is nearly SUPERUSER: role "${admin.name}" can change every role but superusers, and make itself a member of pg_execute_server_program; keep its password and its network access as those of a superuser`,
  },
  {
    applies: ({ passwords }) => passwords.encryption !== 'scram-sha-256',
    text: ({ passwords }) =>
      `password_encryption is ${passwords.encryption}: passwords that others set in the clear are stored as MD5 hashes; this control plane sends SCRAM verifiers all the same`,
  },
  {
    applies: (_facts, { tlsMode }) => tlsMode !== 'verify-full',
    text: (_facts, { tlsMode }) => `TLS mode is ${tlsMode}: ${TLS_WORDS[tlsMode]}`,
  },
  {
    applies: (facts, { allowPlainTextPasswords }) =>
      !allowPlainTextPasswords && passwordChecks(facts).some(({ refusesVerifiers }) => refusesVerifiers === true),
    text: (facts) => {
      const names = passwordChecks(facts).filter(({ refusesVerifiers }) => refusesVerifiers === true);
      return `${names.map(({ name }) => name).join(', ')} refuses passwords that are not in the clear: change that on the server (credcheck.encrypted_password_allowed = on), or set settings.allow_plain_text_passwords, which sends passwords in the clear over TLS`;
    },
  },
  {
    applies: (facts, { allowPlainTextPasswords }) =>
      !allowPlainTextPasswords && passwordChecks(facts).some(({ refusesVerifiers }) => refusesVerifiers === null),
    text: () =>
      'a function of pg_tle judges passwords, and may refuse those that are not in the clear: if it does, set settings.allow_plain_text_passwords',
  },
  {
    applies: (_facts, { allowPlainTextPasswords, tlsMode }) => allowPlainTextPasswords && tlsMode !== 'verify-full',
    text: () =>
      'passwords may be sent in the clear, and TLS does not prove who receives them: use TLS mode verify-full',
  },
  {
    applies: ({ limits }) => limits.maxConnections - limits.reserved - limits.inUse < FEW_SLOTS,
    text: ({ limits }) =>
      `${limits.inUse} of ${limits.maxConnections - limits.reserved} connections that are not reserved are in use`,
  },
];

/** What an administrator should know of a server. */
export function serverWarnings(facts: ServerFacts, registered: Registered): string[] {
  return WARNINGS.filter((warning) => warning.applies(facts, registered)).map((warning) =>
    warning.text(facts, registered),
  );
}
