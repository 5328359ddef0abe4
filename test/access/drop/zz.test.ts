import { it } from 'vitest';
import { startServerOf } from '../../support/versions.ts';
import { startDrops, STEPS } from './support/drops.ts';
it('measures', async () => {
  for (const major of [16, 18] as const) {
  const server = await startServerOf(major);
  const drops = await startDrops(server);
  try {
    await server.query(`CREATE ROLE grp; CREATE ROLE o`);
    await server.query(`DO $$BEGIN FOR i IN 1..12 LOOP EXECUTE format('CREATE ROLE lease%s LOGIN IN ROLE grp', i); END LOOP; END$$`);
    for (let i = 1; i <= 12; i++) { const t = performance.now(); await drops.drop('lease'+i); console.log(major, 'lease', (performance.now()-t).toFixed(0)); }
    const t0 = await drops.accept('lease12');
    await server.query(`CREATE ROLE big LOGIN; CREATE ROLE peer; GRANT ALL ON SCHEMA public TO big; SET ROLE big; DO $$BEGIN FOR i IN 1..2000 LOOP EXECUTE format('CREATE TABLE own%s()', i); END LOOP; END$$`);
    await server.query(`DO $$BEGIN FOR i IN 1..2000 LOOP EXECUTE format('CREATE TABLE oth%s()', i); EXECUTE format('ALTER TABLE oth%s OWNER TO o', i);  END LOOP; END$$; GRANT SELECT ON ALL TABLES IN SCHEMA public TO big WITH GRANT OPTION`);
    await server.query(`SET ROLE big; GRANT SELECT ON ALL TABLES IN SCHEMA public TO peer`);
    const task = await drops.accept('big', { reassign_owned: true });
    for (const step of STEPS) { const t = performance.now(); await drops.step(task, step); console.log(major, step, (performance.now()-t).toFixed(0)); }
    console.log(JSON.stringify((await drops.receipt(task)).databases.map(d => [d.database, d.reassigned, d.revoked, d.granted_again.length])));
  } finally { await drops.stop(); await server.stop(); }
  }
});
