// Reporter of Vitest: how many errors there were outside of tests, which its JSON report leaves out.
import { writeFileSync } from 'node:fs';

export default class ErrorsReporter {
  onTestRunEnd(_modules, errors) {
    writeFileSync(process.env.VITEST_ERRORS_FILE, String(errors.length));
  }
}
