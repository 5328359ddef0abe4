-- Up Migration

-- What lists show of a specification, so that a page of databases reads no specification. Kept by the server itself.
ALTER TABLE databases ADD COLUMN nodes jsonb GENERATED ALWAYS AS (spec -> 'nodes') STORED;

-- A delete that ends what is under way, and does not wait for hosts that are down.
ALTER TABLE tasks ADD COLUMN forced boolean NOT NULL DEFAULT false;
-- Pages over the tasks of all databases and hosts; those of servers, which are many, cost nothing here.
CREATE INDEX tasks_databases_and_hosts ON tasks (id) WHERE scope IN ('database', 'host');

-- Down Migration

DROP INDEX tasks_databases_and_hosts;
ALTER TABLE tasks DROP COLUMN forced;
ALTER TABLE databases DROP COLUMN nodes;
