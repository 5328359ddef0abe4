/** Builds the workflow bundle that an image brings along. */
import { shipBundle } from '../worker/bundle.ts';

console.log(await shipBundle());
