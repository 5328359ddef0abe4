/** Lets this process import TypeScript: newer releases of Node can do so by themselves, in others `tsx` does. */
export async function allowTypeScript() {
  if (process.features.typescript) return;
  const { register } = await import('tsx/esm/api');
  register();
}
