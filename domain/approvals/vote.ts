import type { GlobalRole } from '../authority/roles.ts';
import { type ApprovalRules, isOneOf, namePeople } from './policy.ts';

/** What has become of a change that waits for approval. */
export const APPROVAL_STATES = [
  'pending',
  /** Enough have approved, and it is being carried out. */
  'approved',
  'executed',
  'rejected',
  /** Taken back by its requester. */
  'canceled',
  'expired',
  /** Approved, and not carried out all the same: the world had moved, or it failed. */
  'void',
] as const;
export type ApprovalState = (typeof APPROVAL_STATES)[number];

export const VERDICTS = ['approve', 'reject'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Why a word does not count: the kind of refusal, and the sentence for whoever gave it. */
export interface VoteRefusal {
  refusal: 'forbidden' | 'decided' | 'other_plan' | 'said';
  message: string;
}

/** What a word is judged by. */
export interface JudgedApproval {
  requester: string;
  policyName: string;
  rules: ApprovalRules;
  planHash: string;
  state: ApprovalState;
  /** Whether its time is over. */
  expired: boolean;
  votes: readonly { account: string; verdict: Verdict }[];
}

/**
 * Whether somebody's word about a plan counts. Nobody has one about what they asked for themselves, whatever token they come with.
 * @param vote.accounts all accounts of whoever gives the word, as far as that is known; one person is one word
 */
export function refuseVote(
  approval: JudgedApproval,
  vote: { account: string; accounts?: readonly string[]; role: GlobalRole; planHash: string },
): VoteRefusal | undefined {
  const { requester, rules, policyName, planHash, state } = approval;
  const own = new Set([vote.account, ...(vote.accounts ?? [])]);
  if (own.has(requester)) {
    const other = vote.account === requester ? '' : `; "${requester}" has the e-mail address of "${vote.account}"`;
    return { refusal: 'forbidden', message: `nobody decides about what they asked for themselves${other}` };
  }
  if (!isOneOf(rules.approvedBy, vote)) {
    const message = `policy "${policyName}" lets ${namePeople(rules.approvedBy)} decide; "${vote.account}" is here as ${vote.role}`;
    return { refusal: 'forbidden', message };
  }
  if (state !== 'pending') return { refusal: 'decided', message: `it is ${state} already` };
  if (approval.expired) return { refusal: 'decided', message: 'its time is over' };
  if (vote.planHash !== planHash) {
    return {
      refusal: 'other_plan',
      message: `the plan that waits has the hash ${planHash}, not ${vote.planHash}; look at it again, and decide about that`,
    };
  }
  if (approval.votes.some(({ account }) => own.has(account))) {
    return { refusal: 'said', message: 'you have approved it already, and the policy asks for a second account' };
  }
  return undefined;
}

/** Accounts, each once, that have approved this plan and did not ask for it. */
export function approversOf(
  approval: { requester: string; planHash: string },
  votes: readonly { account: string; verdict: Verdict; planHash: string }[],
): string[] {
  const counted = votes.filter(
    ({ account, verdict, planHash }) =>
      verdict === 'approve' && planHash === approval.planHash && account !== approval.requester,
  );
  return [...new Set(counted.map(({ account }) => account))];
}
