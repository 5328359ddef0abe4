// Health check of a container: exit code 0 when a GET is answered with 2xx, or with the one status that is named.
const [url = '', status] = process.argv.slice(2);
const well = await fetch(url).then(
  (answer) => (status === undefined ? answer.ok : answer.status === Number(status)),
  () => false,
);
process.exit(well ? 0 : 1);
