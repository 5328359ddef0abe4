-- Up Migration

-- What may not be done by one person alone. A change that several policies are about falls under the strictest.
CREATE TABLE approval_policies (
  id             uuid PRIMARY KEY,
  name           text NOT NULL UNIQUE,
  -- Which changes it is about, who decides, how long it may take (domain/approvals/policy.ts).
  rules          jsonb NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now(),
  updated_at     timestamptz NOT NULL DEFAULT now()
);

-- A task that waits for others' word. It has the id of its task.
CREATE TABLE approvals (
  task_id        uuid PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
  server_name    text NOT NULL,
  kind           text NOT NULL,
  -- Roles that the change names.
  roles          text[] NOT NULL,
  requester      text NOT NULL,
  reason         text,
  -- The policy as it was when the change was asked for.
  policy_name    text NOT NULL,
  rules          jsonb NOT NULL,
  -- How many accounts other than the requester have to approve.
  approvers      integer NOT NULL CHECK (approvers BETWEEN 1 AND 2),
  -- What was shown to those who decide; no secrets. Nothing else may be carried out.
  plan           jsonb NOT NULL,
  plan_hash      text NOT NULL,
  state          text NOT NULL DEFAULT 'pending'
    CHECK (state IN ('pending', 'approved', 'executed', 'rejected', 'canceled', 'expired', 'void')),
  -- Why it ended as it did.
  state_reason   text,
  created_at     timestamptz NOT NULL DEFAULT now(),
  expires_at     timestamptz NOT NULL,
  decided_at     timestamptz
);
CREATE INDEX approvals_server ON approvals (server_name, task_id);
CREATE INDEX approvals_open ON approvals (task_id) WHERE state IN ('pending', 'approved');

-- Who decided what, about which plan. One word of each account counts.
CREATE TABLE approval_votes (
  task_id        uuid NOT NULL REFERENCES approvals (task_id) ON DELETE CASCADE,
  account        text NOT NULL,
  token_id       uuid,
  verdict        text NOT NULL CHECK (verdict IN ('approve', 'reject')),
  plan_hash      text NOT NULL,
  comment        text,
  voted_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (task_id, account)
);

-- Down Migration

DROP TABLE approval_votes, approvals, approval_policies;
