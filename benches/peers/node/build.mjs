// Each function as one minified file, as people package them for Lambda.

import { build } from 'esbuild';

for (const name of ['webhook', 'sync']) {
  await build({
    entryPoints: [`src/${name}.mjs`],
    outfile: `dist/${name}/index.mjs`,
    bundle: true,
    minify: true,
    treeShaking: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    // Packages that are CommonJS inside an ES module ask for `require`.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    legalComments: 'none',
    logLevel: 'warning',
  });
}
