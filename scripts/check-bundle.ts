/** Builds the workflow bundle: fails when a workflow imports what the sandbox does not have. */
import { bundleWorkflows } from '../worker/bundle.ts';

const { code } = await bundleWorkflows();
console.log(`workflow bundle: ${Math.round(code.length / 1024)} KiB`);
