import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** The one pair of name and password that HTTP Basic is accepted with. */
export interface BasicPair {
  user: string;
  /** Takes the same time whatever is wrong. */
  matches(given: { user: string; password: string }): boolean;
}

export function createBasicPair(pair: { user: string; password: string }): BasicPair {
  // Digests have one length; under a key of this process nobody can prepare two that are alike.
  const key = randomBytes(32);
  const digest = (text: string) => createHmac('sha256', key).update(text).digest();
  const [user, password] = [digest(pair.user), digest(pair.password)];
  return {
    user: pair.user,
    matches(given) {
      const sameUser = timingSafeEqual(digest(given.user), user);
      const samePassword = timingSafeEqual(digest(given.password), password);
      return sameUser && samePassword;
    },
  };
}
