import type { ServerFacts } from './probe.ts';

/** An extension that judges passwords when they are set. */
export interface PasswordCheck {
  name: string;
  /** Whether it refuses SCRAM verifiers, which it cannot judge; null where that depends on code that is not visible. */
  refusesVerifiers: boolean | null;
}

interface KnownCheck {
  /** In shared_preload_libraries, or as an extension. */
  libraries: readonly string[];
  /** First part of the names of its parameters. */
  prefix: string;
  refuses(settings: Record<string, string>): boolean | null;
  /** Whether it judges at all, where a parameter decides that. */
  active?(settings: Record<string, string>): boolean;
}

/**
 * What is known of them. credcheck: "password type is not a plain text" unless `encrypted_password_allowed` (its README).
 * passwordcheck and passwordpolicy compare a verifier with the role's name and let it pass (check_password() of each). pg_tle
 * calls a function that somebody wrote.
 */
const KNOWN: Readonly<Record<string, KnownCheck>> = {
  credcheck: {
    libraries: ['credcheck'],
    prefix: 'credcheck.',
    refuses: (settings) => settings['credcheck.encrypted_password_allowed'] !== 'on',
  },
  passwordcheck: {
    libraries: ['passwordcheck', 'passwordcheck_cracklib'],
    prefix: 'passwordcheck.',
    refuses: () => false,
  },
  passwordpolicy: {
    libraries: ['passwordpolicy'],
    prefix: 'password_policy.',
    refuses: () => false,
  },
  pg_tle: {
    libraries: [],
    prefix: 'pgtle.',
    refuses: () => null,
    active: (settings) => (settings['pgtle.enable_password_check'] ?? 'off') !== 'off',
  },
};

/** Extensions that judge passwords on a server, as far as the admin role can see them. */
export function passwordChecks({ passwords }: Pick<ServerFacts, 'passwords'>): PasswordCheck[] {
  const { settings, extensions } = passwords;
  const loaded = new Set([...(passwords.preloaded ?? []).map(libraryName), ...extensions]);
  return Object.entries(KNOWN).flatMap(([name, { libraries, prefix, refuses, active }]) => {
    const found =
      libraries.some((library) => loaded.has(library)) || Object.keys(settings).some((key) => key.startsWith(prefix));
    return found && (active?.(settings) ?? true) ? [{ name, refusesVerifiers: refuses(settings) }] : [];
  });
}

/** `$libdir/passwordcheck` and `passwordcheck.so` are the same library. */
function libraryName(entry: string): string {
  return entry.trim().replace(/^"|"$/g, '').replace(/^.*\//, '').replace(/\.so$/, '');
}
